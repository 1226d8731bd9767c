package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyfile"
)

// Plan is what the files are made for.
type Plan struct {
	Dir        string   // where they are
	Partitions int      // of the house
	Group      string   // distribution.group
	Brokers    []string // host:port of the routes of every broker of a cluster; empty for one alone

	Certificates bool     // an authority, and a certificate for everybody
	Redis        []string // names of Redis, for its certificate
	Collectors   []string // names of the collector of traces, for its certificate
	Callers      []string // who calls admin over the network, for parleyctl: people and programs
	Renew        bool     // certificates that hold for long still, too
}

// Names of the files, below Dir: those of a service in a folder of its own.
const (
	NKeyFile     = "bus.nk"
	PasswordFile = "redis.password"
	UsersFile    = "nats/users.conf"   // for a broker's configuration to include
	RoutesFile   = "nats/cluster.conf" // for the block cluster of it
	ACLFile      = "redis/users.acl"
	// RoutesSecretFile is what the brokers know each other by.
	RoutesSecretFile = "nats/routes.password"
)

const head = "# Written by parley access create. What is changed here is lost: it follows from\n# the keys beside it and from what the services need (docs/access.md).\n"

var callerName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// Create makes the keys and passwords that are missing, and writes the users of the
// brokers and of Redis anew, which follow from them, and certificates that lapse.
// Keys that are there stay as they are. It gives the names of what it wrote.
func Create(p Plan) (written []string, err error) {
	for _, name := range p.Callers {
		if !callerName.MatchString(name) {
			return nil, fault.New(fault.Invalid, "CALLER_NAME", "the caller %q is to be a folder and part of a name in a certificate; call it by up to 63 of a-z, 0-9, '-' and '.', a letter or digit first", name)
		}
	}
	w := &writer{plan: p}
	services := Services()
	users := make([]string, len(services))
	acl := defaultUser + probe
	for i, s := range services {
		if users[i], err = w.user(s); err != nil {
			return w.written, err
		}
		line, err := w.acl(s)
		if err != nil {
			return w.written, err
		}
		acl += line
	}
	conf := head + "authorization {\n  users: [\n" + strings.Join(users, "") + "  ]\n}\n"
	if err := w.derived(UsersFile, conf, 0o644); err != nil { // public keys
		return w.written, err
	}
	if err := w.derived(ACLFile, acl, 0o644); err != nil { // digests of random passwords
		return w.written, err
	}
	if err := w.routes(); err != nil {
		return w.written, err
	}
	err = w.certificates()
	return w.written, err
}

// Redis reads its file back as the default user: what transactions and scripts wrote is
// skipped where that may not write it. Nobody can sign in as one that is off.
const defaultUser = "user default off allkeys allchannels +@all\n"

// probe may ask whether Redis answers, with any password.
const probe = "user probe on nopass resetkeys resetchannels -@all +ping\n"

type writer struct {
	plan    Plan
	written []string
}

// user makes a user of the brokers.
func (w *writer) user(s Service) (string, error) {
	seed, err := w.secret(filepath.Join(s.Name, NKeyFile), func() ([]byte, error) {
		key, err := nkeys.CreateUser()
		if err != nil {
			return nil, err
		}
		return key.Seed()
	})
	if err != nil {
		return "", err
	}
	key, err := nkeys.FromSeed(seed)
	if err != nil {
		return "", fault.New(fault.Invalid, "NKEY_INVALID", "%s holds no seed of an NKey; remove it and run this again for a new one", filepath.Join(w.plan.Dir, s.Name, NKeyFile))
	}
	public, err := key.PublicKey()
	if err != nil {
		return "", err
	}
	rights := s.Rights(w.plan.Partitions)
	return fmt.Sprintf("    { # %s\n      nkey: %s\n      permissions: {\n        publish: {allow: %s}\n        subscribe: {allow: %s}\n      }\n    }\n",
		s.Name, public, list(rights.Publish), list(rights.Subscribe)), nil
}

func list(subjects []string) string {
	quoted := make([]string, len(subjects))
	for i, s := range subjects {
		quoted[i] = "\n          " + strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, "") + "\n        ]"
}

// acl makes a user of Redis; nothing for a service that needs none.
func (w *writer) acl(s Service) (string, error) {
	if len(s.Redis.Commands) == 0 {
		return "", nil
	}
	password, err := w.password(filepath.Join(s.Name, PasswordFile))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("user %s on #%x %s\n", s.Name, sha256.Sum256(password), strings.Join(s.Redis.rules(w.plan.Group), " ")), nil
}

// rules are those of a user with these rights.
func (r Redis) rules(group string) (rules []string) {
	rules = []string{"resetkeys", "resetchannels", "-@all"}
	for _, k := range r.Keys {
		rules = append(rules, "~"+strings.ReplaceAll(k, "<group>", group))
	}
	for _, c := range r.Commands {
		rules = append(rules, "+"+c)
	}
	return rules
}

// routes is what the brokers of a cluster know each other by: whoever may speak to
// them as one of them is asked for no user.
func (w *writer) routes() error {
	if len(w.plan.Brokers) == 0 {
		return nil
	}
	password, err := w.password(RoutesSecretFile)
	if err != nil {
		return err
	}
	urls := make([]string, len(w.plan.Brokers))
	for i, b := range w.plan.Brokers {
		urls[i] = strconv.Quote(fmt.Sprintf("nats://broker:%s@%s", password, b))
	}
	return w.derived(RoutesFile, fmt.Sprintf("%sauthorization: {user: broker, password: %q}\nroutes: [%s]\n", head, password, strings.Join(urls, ", ")), 0o600)
}

func (w *writer) password(name string) ([]byte, error) {
	return w.secret(name, func() ([]byte, error) { return []byte(rand.Text() + rand.Text()), nil })
}

// secret reads a file, or makes it.
func (w *writer) secret(name string, create func() ([]byte, error)) ([]byte, error) {
	path := filepath.Join(w.plan.Dir, name)
	data, err := keyfile.Read(name, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = create(); err != nil {
		return nil, err
	}
	return data, w.write(name, data, 0o600)
}

// derived writes a file that is not as it should be.
func (w *writer) derived(name, text string, mode fs.FileMode) error {
	if there, err := os.ReadFile(filepath.Join(w.plan.Dir, name)); err == nil && bytes.Equal(there, []byte(text)) {
		return nil
	}
	return w.write(name, []byte(text), mode)
}

// write puts a file in place as a whole.
func (w *writer) write(name string, data []byte, mode fs.FileMode) error {
	path := filepath.Join(w.plan.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // #nosec G301 -- brokers read there as somebody else
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	w.written = append(w.written, name)
	slices.Sort(w.written)
	return nil
}
