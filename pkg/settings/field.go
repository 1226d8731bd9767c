package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

const envPrefix = "PARLEY_"

// Field is one setting.
type Field struct {
	Key     string // "ingress.listen"
	Env     string // "PARLEY_INGRESS_LISTEN"
	Flag    string // "ingress.max-body"; empty for a secret
	Type    string // for people: "text", "duration", ...
	Default string
	Help    string
	Secret  bool // never printed, and without a flag: everybody on the machine reads arguments
	Login   bool // an address; one that names a user or password is a secret

	kind reflect.Type
}

func gather(prefix string, t reflect.Type) ([]Field, error) {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("koanf")
		if tag == "" {
			continue
		}
		k := tag
		if prefix != "" {
			k = prefix + "." + tag
		}
		if f.Type.Kind() == reflect.Struct {
			inner, err := gather(k, f.Type)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
			continue
		}
		field, err := newField(k, f)
		if err != nil {
			return nil, err
		}
		out = append(out, field)
	}
	return out, nil
}

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// Ways tells people how to give a setting when they start a process.
func Ways(key string) string { return "--" + flagName(key) + " or " + envName(key) }

func newField(key string, f reflect.StructField) (Field, error) {
	name, err := typeName(f.Type)
	if err != nil {
		return Field{}, fmt.Errorf("setting %s: %w", key, err)
	}
	field := Field{
		Key: key, Type: name, Default: f.Tag.Get("default"), Help: f.Tag.Get("help"), kind: f.Type,
		Env: envName(key), Flag: flagName(key),
	}
	switch word := f.Tag.Get("secret"); word {
	case "":
	case "true":
		field.Secret, field.Flag = true, ""
	case "login":
		field.Login = true
	default:
		return Field{}, fmt.Errorf("setting %s: secret is %q; it must be true or login", key, word)
	}
	if _, err := field.parse(field.Default); err != nil {
		return Field{}, fmt.Errorf("default of %w", err)
	}
	return field, nil
}

func typeName(t reflect.Type) (string, error) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration", nil
	case t == reflect.TypeFor[[]string]():
		return "list", nil
	}
	switch t.Kind() {
	case reflect.String:
		return "text", nil
	case reflect.Bool:
		return "yes/no", nil
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "number", nil
	case reflect.Float64:
		return "fraction", nil
	}
	return "", fmt.Errorf("type %s cannot be a setting", t)
}

// hidden tells whether a text of the setting is a secret. An "@" is enough: a
// password that breaks its URL is none the less one.
func (f Field) hidden(text string) bool {
	return text != "" && (f.Secret || f.Login && strings.Contains(text, "@"))
}

// elsewhere is what to do about a secret that was given as an argument.
func (f Field) elsewhere() string {
	return "everybody on this machine reads arguments; give it by " + f.Env + " or in the file"
}

// parse reads the text of a setting; the error names the setting, what was
// given and what would do. Empty text is the type's zero.
func (f Field) parse(text string) (any, error) {
	if text == "" {
		return reflect.Zero(f.kind).Interface(), nil
	}
	var v any
	var err error
	var want string
	switch f.Type {
	case "duration":
		v, err = time.ParseDuration(text)
		want = `a duration such as "150ms", "15s" or "2h"`
	case "list":
		return strings.Split(text, ","), nil
	case "yes/no":
		v, err = strconv.ParseBool(text)
		want = "true or false"
	case "number":
		v, err = strconv.ParseInt(text, 10, f.kind.Bits())
		want = "a whole number"
	case "fraction":
		v, err = strconv.ParseFloat(text, 64)
		want = "a number"
	default:
		return text, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s is %q, which is not %s", f.Key, text, want)
	}
	return v, nil
}
