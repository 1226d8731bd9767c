package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/parley-desk/parley/pkg/settings"
)

type inner struct {
	Share float64 `koanf:"share" default:"0.5" help:"A share."`
}

type sample struct {
	Listen string        `koanf:"listen" default:"127.0.0.1:1" help:"Where."`
	Most   int           `koanf:"max_body" default:"8" help:"How much."`
	Wait   time.Duration `koanf:"wait" default:"2s" help:"How long."`
	Names  []string      `koanf:"names" default:"a,b" help:"Who."`
	Safe   bool          `koanf:"safe" default:"true" help:"Whether."`
	Key    string        `koanf:"key" default:"" secret:"true" help:"A secret."`
	Door   string        `koanf:"door_url" default:"" secret:"login" help:"An address."`
	Inner  inner         `koanf:"inner"`
}

func (s *sample) Validate() error {
	if s.Most > 100 {
		return errors.New("ingress.max_body is over 100; make it smaller")
	}
	return nil
}

func load(t *testing.T, file string, env map[string]string, args ...string) (*sample, []settings.Value, error) {
	t.Helper()
	var cfg sample
	set, err := settings.Define(settings.Section{Name: "ingress", Target: &cfg})
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	set.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	from := settings.Source{Flags: flags, Lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}
	if file != "" {
		from.File = filepath.Join(t.TempDir(), "parley.yaml")
		if err := os.WriteFile(from.File, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	values, err := set.Load(from)
	return &cfg, values, err
}

func TestLaterLayersWin(t *testing.T) {
	cfg, values, err := load(t,
		"ingress:\n  listen: file:1\n  max_body: 9\n  wait: 3s\n  names: [x, y]\n  inner: {share: 0.25}\n",
		map[string]string{"PARLEY_INGRESS_MAX_BODY": "10", "PARLEY_INGRESS_WAIT": "4s", "PARLEY_INGRESS_KEY": "hush"},
		"--ingress.wait", "5s", "--ingress.safe", "false", "--ingress.door-url", "x://host:1")
	if err != nil {
		t.Fatal(err)
	}
	want := &sample{Listen: "file:1", Most: 10, Wait: 5 * time.Second, Names: []string{"x", "y"}, Key: "hush", Door: "x://host:1", Inner: inner{0.25}}
	if d := cmp.Diff(want, cfg); d != "" {
		t.Fatal(d)
	}
	origins := map[string]string{}
	for _, v := range values {
		origins[v.Key] = v.Text + " from " + v.Origin
	}
	if d := cmp.Diff(map[string]string{
		"ingress.listen": "file:1 from file", "ingress.max_body": "10 from environment", "ingress.wait": "5s from flag",
		"ingress.names": "x,y from file", "ingress.safe": "false from flag", "ingress.key": "[secret] from environment",
		"ingress.inner.share": "0.25 from file", "ingress.door_url": "x://host:1 from flag",
	}, origins); d != "" {
		t.Fatal(d)
	}
}

func TestDefaultsStandAlone(t *testing.T) {
	cfg, _, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&sample{"127.0.0.1:1", 8, 2 * time.Second, []string{"a", "b"}, true, "", "", inner{0.5}}, cfg); d != "" {
		t.Fatal(d)
	}
}

// TestBadSettingsAreNamedWithTheirRemedy, also those that nobody knows (SC5).
func TestBadSettingsAreNamedWithTheirRemedy(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env        map[string]string
		args, want []string
	}{
		{"unknown key", "ingress: {offr: 1}", nil, nil, []string{"ingress.offr", "unknown", "--help"}},
		{"no number in the environment", "", map[string]string{"PARLEY_INGRESS_MAX_BODY": "lots"}, nil, []string{"environment", "ingress.max_body", "lots", "whole number"}},
		{"no duration in the file", "ingress: {wait: soon}", nil, nil, []string{"file", "ingress.wait", "soon", "15s"}},
		{"no truth in a flag", "", nil, []string{"--ingress.safe=maybe"}, []string{"flag", "ingress.safe", "maybe", "true or false"}},
		{"a password in a flag", "", nil, []string{"--ingress.door-url", "x://u:hu%zzsh@host"}, []string{"ingress.door_url", "PARLEY_INGRESS_DOOR_URL"}},
		{"two at once", "ingress: {wait: soon, safe: maybe}", nil, nil, []string{"ingress.wait", "ingress.safe"}},
		{"what the section refuses", "", nil, []string{"--ingress.max-body", "101"}, []string{"over 100"}},
		{"not YAML", "ingress: [", nil, nil, []string{"parley.yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := load(t, c.file, c.env, c.args...)
			if err == nil {
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), "zzsh") {
				t.Errorf("%q tells a password", err)
			}
			for _, word := range c.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
}

// A secret comes by every way but a flag, and is not shown.
func TestSecretsHaveNoFlag(t *testing.T) {
	var cfg sample
	set, err := settings.Define(settings.Section{Name: "ingress", Target: &cfg})
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	set.AddFlags(flags)
	err = set.FlagError(flags.Parse([]string{"--ingress.key=hush"}))
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "PARLEY_INGRESS_KEY") {
		t.Errorf("a flag: %v", err)
	}
	if err := set.FlagError(flags.Parse([]string{"--ingress.other=1"})); err == nil || !strings.Contains(err.Error(), "unknown flag: --ingress.other") {
		t.Errorf("no setting's flag: %v", err)
	}
	for _, c := range []struct {
		file string
		env  map[string]string
	}{
		{"ingress: {key: hush, door_url: 'x://u:hush@host'}", nil},
		{"", map[string]string{"PARLEY_INGRESS_KEY": "hush", "PARLEY_INGRESS_DOOR_URL": "x://u:hush@host"}},
	} {
		cfg, values, err := load(t, c.file, c.env)
		if err != nil || cfg.Key != "hush" || cfg.Door != "x://u:hush@host" {
			t.Fatalf("%+v, %v", cfg, err)
		}
		for _, v := range values {
			if strings.Contains(v.Text, "hush") {
				t.Errorf("%s is shown", v.Key)
			}
		}
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	set, err := settings.Define(settings.Section{Name: "x", Target: &sample{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Load(settings.Source{File: "/nowhere/parley.yaml"}); err == nil || !strings.Contains(err.Error(), "/nowhere/parley.yaml") {
		t.Fatalf("got %v", err)
	}
}

func TestTagsThatCannotBeAreErrorsOfTheProgram(t *testing.T) {
	for name, target := range map[string]any{
		"no pointer": sample{},
		"no type": &struct {
			X chan int `koanf:"x"`
		}{},
		"bad secrecy": &struct {
			X string `koanf:"x" secret:"yes"`
		}{},
		"bad default": &struct {
			X int `koanf:"x" default:"many"`
		}{},
	} {
		if _, err := settings.Define(settings.Section{Name: "s", Target: target}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
