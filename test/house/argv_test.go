package house_test

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/services/all"
)

// argued is a secret that somebody gives as an argument all the same.
const argued = "canary-argument-5d20c8"

// confidential are the names of flags that speak of a secret.
var confidential = regexp.MustCompile(`(^|[-.])(secrets?|tokens?|passwords?|passphrase|keys?|keyset|credentials?|cookie|login|from)([-.]|$)`)

// harmless are those that hold none, with what they hold. The world of the
// sandbox has secrets of its own, which documents tell and which open nothing.
var harmless = map[string]string{
	"--admin.tls.key":          "a file",
	"--admin.tokens":           "a switch",
	"--bus.key":                "a file",
	"--files.s3.access-key":    "the name of a key; the secret that goes with it is no flag",
	"--from":                   "a source: env:NAME, file:PATH or -; of parley keyset wrap a key's address",
	"--redis.key":              "a file",
	"--redis.password-file":    "a file",
	"--sandbox.app-secret":     "of the sandbox's world",
	"--sandbox.bot-secret":     "of the sandbox's world",
	"--sandbox.verify-token":   "of the sandbox's world",
	"--ingress.tls.key":        "a file",
	"--secret-env":             "the name of a variable",
	"--secret-file":            "a file",
	"--admin.backup.keys":      "a folder",
	"--log.otlp-key":           "a file",
	"--restore.keys":           "a folder",
	"--secrets.keyset":         "a file",
	"--secrets.kms.ca":         "a file",
	"--secrets.kms.key":        "a key's address, refused when it has a user",
	"--secrets.kms.token-file": "a file",
	"--tls-key":                "a file",
	"--token-file":             "a file",
	"--verify-token-env":       "the name of a variable",
}

// commands are a tree of commands, the top first.
func commands(top *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{top}
	for _, c := range top.Commands() {
		out = append(out, commands(c)...)
	}
	return out
}

// tree is parley anew: a command remembers the flags it was given.
func tree(t *testing.T) *cobra.Command {
	t.Helper()
	parley, err := all.Command()
	if err != nil {
		t.Fatal(err)
	}
	return parley
}

// Everybody on the machine reads arguments: no flag takes a secret.
func TestNoFlagTakesASecret(t *testing.T) {
	secrets := map[string]bool{}
	for _, f := range fieldsOf(t, sectionsOf()...) {
		secrets["--"+strings.ReplaceAll(f.Key, "_", "-")] = f.Secret
	}
	met := map[string]bool{}
	for _, c := range slices.Concat(commands(tree(t)), commands(cli.Command())) {
		look := func(f *pflag.Flag) {
			name := "--" + f.Name
			met[name] = true
			if secrets[name] {
				t.Errorf("%s %s: its setting is a secret", c.CommandPath(), name)
			}
			if f.Value.Type() == "string" && confidential.MatchString(f.Name) && harmless[name] == "" {
				t.Errorf("%s %s takes a secret by its name; take the name of a variable or of a file, or say in the test what it holds", c.CommandPath(), name)
			}
		}
		c.NonInheritedFlags().VisitAll(look)
	}
	for name := range harmless {
		if !met[name] {
			t.Errorf("%s is excused and not there", name)
		}
	}
}

// What takes an address refuses one with a password, and names the way.
func TestNoFlagTakesAPassword(t *testing.T) {
	refused := 0
	for _, c := range commands(tree(t)) {
		if c.Name() != "check" {
			continue
		}
		path := strings.Fields(c.CommandPath())[1:]
		for _, f := range fieldsOf(t, sectionsOf()...) {
			args := append(slices.Clone(path), "--"+strings.ReplaceAll(f.Key, "_", "-")+"=x://user:"+argued+"@host:1")
			if !f.Secret && !f.Login || f.Login && c.Flag(f.Flag) == nil || !has(c, f.Key) {
				continue
			}
			parley := tree(t)
			parley.SetArgs(args)
			parley.SetOut(io.Discard)
			parley.SetErr(io.Discard)
			switch err := parley.Execute(); {
			case err == nil:
				t.Errorf("%v takes %s", path, f.Key)
			case strings.Contains(err.Error(), argued) || !strings.Contains(err.Error(), f.Env):
				t.Errorf("%v says of %s: %v", path, f.Key, err)
			}
			refused++
		}
	}
	if refused < 4 {
		t.Errorf("only %d were tried", refused)
	}
}

// has tells whether a command takes settings of the section that a key is in.
func has(c *cobra.Command, key string) (found bool) {
	section, _, _ := strings.Cut(key, ".")
	c.Flags().VisitAll(func(f *pflag.Flag) { found = found || strings.HasPrefix(f.Name, section+".") })
	c.InheritedFlags().VisitAll(func(f *pflag.Flag) { found = found || strings.HasPrefix(f.Name, section+".") })
	return found
}

// Every flag of parleyctl that says where a secret is refuses the secret itself,
// and does not repeat it.
func TestNoSourceIsASecret(t *testing.T) {
	tried := 0
	for _, c := range commands(cli.Command()) {
		if c.Flag("from") == nil {
			continue
		}
		tried++
		var said bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "some", "--from", argued)
		if code := cli.Main(args, strings.NewReader(""), &said, &said); code != 2 {
			t.Errorf("%s: code %d: %s", c.CommandPath(), code, &said)
		}
		if strings.Contains(said.String(), argued) || !strings.Contains(said.String(), "env:NAME") {
			t.Errorf("%s says %s", c.CommandPath(), &said)
		}
	}
	if tried < 3 {
		t.Errorf("only %d commands were tried", tried)
	}
}
