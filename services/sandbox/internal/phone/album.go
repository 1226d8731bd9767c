package phone

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// maxMedia is more than Meta takes, so that what is too large can be tried.
const maxMedia = 64 << 20

// linkAge is how long the links of files last, as those of Meta do.
const linkAge = 24 * time.Hour

// Albums are the files that telephones and pages sent, each in a folder with a
// name that nobody guesses.
type Albums struct {
	Dir   string
	Media string // where the sandbox serves them
	Now   func() time.Time
}

// upload keeps the body as a file and answers with its link and the kind of
// attachment that a telephone would make of it.
func (a *API) upload(w http.ResponseWriter, r *http.Request) {
	name := path.Base("/" + strings.ReplaceAll(r.FormValue("name"), `\`, "/"))
	if name == "/" || strings.HasPrefix(name, ".") {
		answer(w, http.StatusBadRequest, map[string]string{"error": "name is missing: what is the file called?"})
		return
	}
	link, err := a.albums.Keep(name, http.MaxBytesReader(w, r.Body, maxMedia))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]string{"url": link, "attachment": kindOf(name)})
}

// Keep keeps a file and gives its link.
func (a Albums) Keep(name string, from io.Reader) (link string, err error) {
	album := strings.ToLower(rand.Text())
	if err := a.keep(album, name, from); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%s/%s?_nc_cat=1&oe=%08X", a.Media, album, url.PathEscape(name), a.Now().Add(linkAge).Unix()), nil
}

func (a Albums) keep(album, name string, from io.Reader) (err error) {
	dir := filepath.Join(a.Dir, album)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make an album: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep a file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, from); err != nil {
		return fmt.Errorf("keep a file: %w", err)
	}
	return nil
}

// serve gives a file, as long as its link lasts and to nobody as a page.
func (a Albums) serve(w http.ResponseWriter, r *http.Request) {
	root, err := os.OpenRoot(a.Dir)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer root.Close() //nolint:errcheck // it was only read
	file, err := root.Open(path.Join(r.PathValue("album"), r.PathValue("name")))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close() //nolint:errcheck // it was only read
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, r.PathValue("name"), time.Time{}, file)
}

// kindOf is what Messenger makes of a file.
func kindOf(name string) string {
	kind, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(name)), "/")
	switch kind {
	case "image", "audio", "video":
		return kind
	}
	return "file"
}
