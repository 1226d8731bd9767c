package scan_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/desk/internal/scan"
)

// look has a scanner look at a file, and says what came of it in a word.
func look(t *testing.T, s scan.Scanner, file string) string {
	t.Helper()
	err := s.Scan(t.Context(), "txt", int64(len(file)), strings.NewReader(file))
	var found *scan.Found
	switch {
	case err == nil:
		return "harmless"
	case errors.As(err, &found):
		return "found " + found.What
	}
	return "failed"
}

// TestCommands: a file is harmless when the command says so by ending well, and in
// no other case.
func TestCommands(t *testing.T) {
	t.Setenv("PARLEY_SECRETS", "kept")
	const stuck = "sleep 60"
	for _, c := range []struct{ script, file, want string }{
		{"cat >/dev/null", "x", "harmless"},
		{"exit 0", strings.Repeat("x", 1<<20), "harmless"}, // it has seen enough
		{`grep -q EICAR && echo "stdin: EICAR FOUND" && exit 1 || exit 0`, "an EICAR file", "found stdin: EICAR FOUND"},
		{`grep -q EICAR && exit 1 || exit 0`, "another file", "harmless"},
		{"exit 2", "x", "failed"},
		{"kill -9 $$", "x", "failed"},
		{stuck, "x", "failed"},
		{`test -z "$PARLEY_SECRETS"`, "x", "harmless"},
	} {
		patience := time.Minute // a busy machine takes its time to start a command
		if c.script == stuck {
			patience = 300 * time.Millisecond
		}
		s, err := scan.New([]string{"sh", "-c", c.script}, "", patience)
		if err != nil {
			t.Fatal(err)
		}
		if got := look(t, s, c.file); got != c.want {
			t.Errorf("%s: %s, want %s", c.script, got, c.want)
		}
	}
	if got := look(t, scan.Command{Args: []string{"/no/such/scanner"}, Timeout: time.Second}, "x"); got != "failed" {
		t.Errorf("a command that is not there: %s", got)
	}
}

// server is an ICAP server that answers each file as reply says.
func server(t *testing.T, reply func(file string) string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, reply)
		}
	}()
	return "icap://" + l.Addr().String() + "/avscan"
}

func serve(conn net.Conn, reply func(string) string) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "RESPMOD icap://") {
		return
	}
	for { // ICAP's own headers
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line == "\r\n" {
			break
		}
	}
	if _, err := http.ReadRequest(r); err != nil {
		return
	}
	for { // of the answer in it
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line == "\r\n" {
			break
		}
	}
	file, err := io.ReadAll(httputil.NewChunkedReader(r))
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, reply(string(file)))
}

// TestICAP: only "nothing to change" is harmless.
func TestICAP(t *testing.T) {
	large := string(bytes.Repeat([]byte("0123456789"), 30_000))
	for _, c := range []struct{ reply, file, want string }{
		{"ICAP/1.0 204 No modifications needed\r\nISTag: \"1\"\r\n\r\n", large, "harmless"},
		{"ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n\r\n", "x", "found Type=0; Resolution=2; Threat=Eicar;"},
		{"ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\n\r\n", "x", "found the ICAP server changed it"},
		{"ICAP/1.0 404 Service not found\r\n\r\n", "x", "failed"},
		{"ICAP/1.0 500 Server error\r\n\r\n", "x", "failed"},
		{"HTTP/1.1 204 No Content\r\n\r\n", "x", "failed"},
		{"", "x", "failed"},
	} {
		came := make(chan string, 1)
		s, err := scan.New(nil, server(t, func(file string) string { came <- file; return c.reply }), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		word := look(t, s, c.file)
		if got := <-came; word != c.want || got != c.file {
			t.Errorf("%q: %s, want %s; %d bytes came of %d", c.reply, word, c.want, len(got), len(c.file))
		}
	}
	closed, err := scan.New(nil, "icap://127.0.0.1:1/x", time.Minute)
	if err != nil || look(t, closed, "x") != "failed" {
		t.Errorf("a server that is away (%v)", err)
	}
}

func TestSettings(t *testing.T) {
	if s, err := scan.New(nil, "", time.Second); s != nil || err != nil {
		t.Errorf("nothing asked for: %v, %v", s, err)
	}
	for _, url := range []string{"http://a/b", "icap://", "icap://host", "avscan"} {
		if _, err := scan.New(nil, url, time.Second); err == nil {
			t.Errorf("%s is taken", url)
		}
	}
	if _, err := scan.New([]string{"a"}, "icap://host/b", time.Second); err == nil {
		t.Error("two scanners are taken")
	}
}
