package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// worldMayRead is the mode of a file that everybody on the machine may read.
const worldMayRead = 0o004

// Environment is where secrets that are not in the manifest come from.
type Environment struct {
	Lookup   func(name string) (string, bool)
	ReadFile func(path string) ([]byte, error)
	Stat     func(path string) (fs.FileInfo, error)
	Warn     func(text string) // about a secret that others may read
}

// Secret reads a secret from its source: "env" and the name of a variable, or
// "file" and a path. The end of the line at its end is no part of it. The error
// names the source and the remedy, never the value.
func (e Environment) Secret(source, name string) (string, error) {
	value := ""
	switch source {
	case "env":
		v, set := e.Lookup(name)
		if !set {
			return "", fmt.Errorf("the environment variable %s is not set; set it", name)
		}
		value = v
	case "file":
		data, err := e.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("the file cannot be read: %w; put the secret there, or name another file", err)
		}
		if info, err := e.Stat(name); err == nil && info.Mode().Perm()&worldMayRead != 0 {
			e.Warn(fmt.Sprintf("everybody on this machine can read %s; run chmod 600 %[1]s, and replace the secret if others might have read it", name))
		}
		value = string(data)
	default:
		return "", fmt.Errorf("%q is no source of secrets; use env and the name of a variable, or file and a path", source)
	}
	value, err := Plain(value)
	if err != nil {
		return "", fmt.Errorf("the %s %s %w", map[string]string{"env": "environment variable", "file": "file"}[source], name, err)
	}
	return value, nil
}

// Plain is a secret as a file or a pipe brings it, without the end of the line
// at its end. The error goes on from the name of where it came from.
func Plain(value string) (string, error) {
	switch value = strings.TrimRight(value, "\r\n"); {
	case value == "":
		return "", errors.New("holds nothing; put the secret there")
	case !utf8.ValidString(value):
		return "", errors.New("holds no text; put the secret there as it is shown, in UTF-8")
	}
	return value, nil
}

// secret reads {secretRef: {env: NAME}}, {secretRef: {file: PATH}}, these two
// without secretRef, as manifests had them first, or {value: TEXT}.
func (r *reader) secret(node *yaml.Node, path string) (string, bool) {
	const remedy = "write {secretRef: {env: NAME}} or {secretRef: {file: PATH}}, or {value: TEXT} where nobody else reads the manifest"
	source, name, ok := pair(node)
	if ok && source == "secretRef" {
		source, name, ok = pair(node.Content[1])
		ok = ok && source != "value"
	}
	switch {
	case !ok || name == nil || name.Kind != yaml.ScalarNode:
		r.fail(node, path, "is no secret; %s", remedy)
		return "", false
	case source == "value" && name.Value == "":
		r.fail(node, path, "has an empty value; leave the field out to keep what is stored")
		return "", false
	case source == "value":
		return name.Value, true
	case source != "env" && source != "file":
		r.fail(node, path, "has the unknown key %q; %s", source, remedy)
		return "", false
	}
	from := name.Value
	if source == "file" && !filepath.IsAbs(from) {
		from = filepath.Join(filepath.Dir(r.file), from)
	}
	value, err := r.env.Secret(source, from)
	if err != nil {
		r.fail(node, path, "%v, or leave the field out to keep what is stored", err)
		return "", false
	}
	return value, true
}

// pair is the one key of a mapping and its value.
func pair(node *yaml.Node) (key string, value *yaml.Node, ok bool) {
	if node.Kind != yaml.MappingNode || len(node.Content) != 2 {
		return "", nil, false
	}
	return node.Content[0].Value, node.Content[1], true
}
