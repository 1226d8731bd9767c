// Package settings loads the settings of a process into structs: defaults,
// then one YAML file, then the environment, then flags. What it does not know
// it refuses by name, and it can tell where every value came from.
//
// A section is a struct whose fields are tagged:
//
//	Listen string `koanf:"listen" default:"127.0.0.1:8081" help:"Address of the webhook."`
//
// In a section called "ingress" this is the key ingress.listen of the file,
// the variable PARLEY_INGRESS_LISTEN and the flag --ingress.listen. Fields may
// be strings, bools, whole numbers, float64, time.Duration, []string, and
// structs of these. A field tagged secret:"true" is never printed and has no
// flag; one tagged secret:"login" is an address, and treated so when it names a
// user or password.
package settings

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Section is one struct of settings under a name; an empty name puts its
// fields at the top.
type Section struct {
	Name   string
	Target any // pointer to a struct
}

// Value is a setting as it is in force.
type Value struct {
	Field
	Text   string // as it would be written; "[secret]" for a secret that is set
	Origin string // "default", "file", "environment" or "flag"
}

// Set is all settings of a process.
type Set struct {
	sections []Section
	fields   []Field
}

// Define gathers the settings of the sections. A tag that cannot be is an
// error of the program.
func Define(sections ...Section) (*Set, error) {
	s := &Set{sections: sections}
	for _, sec := range sections {
		t := reflect.TypeOf(sec.Target)
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
			return nil, fmt.Errorf("section %q is no pointer to a struct", sec.Name)
		}
		fields, err := gather(sec.Name, t.Elem())
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, fields...)
	}
	return s, nil
}

// Fields are all settings, in the order of the sections.
func (s *Set) Fields() []Field { return slices.Clone(s.fields) }

// AddFlags makes a flag of every setting that is no secret.
func (s *Set) AddFlags(fs *pflag.FlagSet) {
	for _, f := range s.fields {
		if !f.Secret {
			fs.String(f.Flag, f.Default, f.Help)
		}
	}
}

// FlagError says of an error of reading flags that one is missing because its
// setting is a secret, and what to do; every other error stays as it is.
func (s *Set) FlagError(err error) error {
	missing, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	for _, f := range s.fields {
		if f.Secret && missing.GetSpecifiedName() == flagName(f.Key) {
			return fmt.Errorf("%s is a secret and no flag: %s", f.Key, f.elsewhere())
		}
	}
	return err
}

// Source is where settings come from besides their defaults.
type Source struct {
	File   string                      // path of a YAML file; empty for none
	Lookup func(string) (string, bool) // environment; nil for none
	Flags  *pflag.FlagSet              // only flags that were given count; nil for none
}

// Load fills the targets of all sections and tells where each value came
// from. Every bad or unknown setting is named in the error; on an error the
// targets are not to be used. A section with a Validate method is asked.
func (s *Set) Load(from Source) ([]Value, error) {
	l := layers{set: s, k: koanf.New("."), origin: map[string]string{}}
	l.lay("default", func(f Field) (string, bool) { return f.Default, true })
	if from.File != "" {
		texts, err := s.readFile(from.File)
		l.problems = append(l.problems, err)
		l.lay("file", func(f Field) (string, bool) { text, ok := texts[f.Key]; return text, ok })
	}
	if from.Lookup != nil {
		l.lay("environment", func(f Field) (string, bool) { return from.Lookup(f.Env) })
	}
	if from.Flags != nil {
		l.lay("flag", func(f Field) (string, bool) {
			flag := from.Flags.Lookup(f.Flag)
			switch {
			case f.Secret || flag == nil || !flag.Changed:
				return "", false
			case f.hidden(flag.Value.String()):
				l.problems = append(l.problems, fmt.Errorf("flag: %s names a user or password, and %s", f.Key, f.elsewhere()))
				return "", false
			}
			return flag.Value.String(), true
		})
	}
	if err := errors.Join(l.problems...); err != nil {
		return nil, err
	}
	return s.fill(l.k, l.origin)
}

// layers are the sources laid one over the other.
type layers struct {
	set      *Set
	k        *koanf.Koanf
	origin   map[string]string
	problems []error
}

func (l *layers) lay(where string, text func(Field) (string, bool)) {
	values := map[string]any{}
	for _, f := range l.set.fields {
		t, ok := text(f)
		if !ok {
			continue
		}
		v, err := f.parse(t)
		if err != nil {
			l.problems = append(l.problems, fmt.Errorf("%s: %w", where, err))
			continue
		}
		values[f.Key], l.origin[f.Key] = v, where
	}
	if err := l.k.Load(confmap.Provider(values, "."), nil); err != nil {
		l.problems = append(l.problems, err)
	}
}

func (s *Set) readFile(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the settings file: %w", err)
	}
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(raw), yaml.Parser()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	known := map[string]Field{}
	for _, f := range s.fields {
		known[f.Key] = f
	}
	texts := map[string]string{}
	var unknown []string
	for key, v := range k.All() {
		if _, ok := known[key]; !ok {
			unknown = append(unknown, key)
			continue
		}
		texts[key] = fileText(v)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("%s: unknown settings: %s; --help lists those there are", path, strings.Join(unknown, ", "))
	}
	return texts, nil
}

func fileText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = fmt.Sprint(item)
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v)
}

func (s *Set) fill(k *koanf.Koanf, origin map[string]string) ([]Value, error) {
	var problems []error
	for _, sec := range s.sections {
		err := k.UnmarshalWithConf(sec.Name, sec.Target, koanf.UnmarshalConf{
			Tag:           "koanf",
			DecoderConfig: &mapstructure.DecoderConfig{Result: sec.Target, TagName: "koanf", WeaklyTypedInput: true},
		})
		problems = append(problems, err)
		if v, ok := sec.Target.(interface{ Validate() error }); ok && err == nil {
			problems = append(problems, v.Validate())
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	values := make([]Value, 0, len(s.fields))
	for _, f := range s.fields {
		values = append(values, Value{Field: f, Text: show(f, k.Get(f.Key)), Origin: origin[f.Key]})
	}
	return values, nil
}

func show(f Field, v any) string {
	text := fileText(v)
	if list, ok := v.([]string); ok {
		text = strings.Join(list, ",")
	}
	if f.hidden(text) {
		return "[secret]"
	}
	return text
}
