package split_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// corpus is where webhook bodies of the world are kept, beside the repository.
const corpus = "../../../../../shared/payloads"

// webhooks are the recorded bodies; without any the test is skipped.
func webhooks(t testing.TB) map[string][]byte {
	t.Helper()
	bodies := recorded(t)
	if len(bodies) == 0 {
		t.Skip("the payload corpus is not beside the repository")
	}
	return bodies
}

// recorded gives every recorded webhook body and every recorded item, wrapped
// as Meta would send it, by file name.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	bodies := map[string][]byte{}
	for _, pattern := range []string{"*-wh-*.json", "*-ev-*.json", "*-doc-*.json"} {
		files, err := filepath.Glob(filepath.Join(corpus, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := regexp.MustCompile(`^\d+-|\.json$`).ReplaceAllString(filepath.Base(file), "")
			bodies[name] = wrap(bytes.TrimSpace(body))
		}
	}
	return bodies
}

// wrap puts a bare entry or item into the envelope it travels in.
func wrap(body []byte) []byte {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(body, &keys)
	has := func(key string) bool { _, ok := keys[key]; return ok }
	switch {
	case has("object"):
		return body
	case has("messaging"):
		return []byte(`{"object":"page","entry":[` + string(body) + `]}`)
	case has("field"):
		return []byte(`{"object":"page","entry":[{"id":"1020304050607080","time":1760000000000,"changes":[` + string(body) + `]}]}`)
	}
	return []byte(`{"object":"page","entry":[{"id":"1020304050607080","time":1760000000000,"messaging":[` + string(body) + `]}]}`)
}
