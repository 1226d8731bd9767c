package scan

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ICAP asks a server by RESPMOD (RFC 3507), as if the file were an answer to a
// browser.
type ICAP struct {
	Address string // host:port
	URL     string
	Timeout time.Duration
}

func newICAP(raw string, timeout time.Duration) (Scanner, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "icap" || u.Hostname() == "" || u.Path == "" || u.User != nil {
		return nil, fmt.Errorf("%q is not like icap://scanner.example.com:1344/avscan", raw)
	}
	port := u.Port()
	if port == "" {
		port = "1344"
	}
	return ICAP{Address: net.JoinHostPort(u.Hostname(), port), URL: u.String(), Timeout: timeout}, nil
}

// found are the headers in which servers name what they found.
var found = []string{"X-Infection-Found", "X-Virus-Id", "X-Violations-Found", "X-Virus-Name"}

// Scan asks on a connection of its own. Harmless is what the server has nothing
// to change in: 204, which the request allows.
func (s ICAP) Scan(ctx context.Context, extension string, size int64, file io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("the ICAP server: %w", err)
	}
	defer conn.Close() //nolint:errcheck // its answer was read
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	// A server that has seen enough may answer and read no further.
	asked := s.ask(conn, extension, size, file)
	status, header, err := answer(conn)
	switch {
	case err != nil:
		return fmt.Errorf("the ICAP server did not answer: %w", errors.Join(err, asked))
	case status == http.StatusNoContent && asked == nil:
		return nil
	case status == http.StatusOK || status == http.StatusCreated:
		for _, name := range found {
			if what := header.Get(name); what != "" {
				return &Found{What: what}
			}
		}
		return &Found{What: "the ICAP server changed it"}
	}
	return fmt.Errorf("the ICAP server answered %d: %w", status, errors.Join(asked))
}

func (s ICAP) ask(to io.Writer, extension string, size int64, file io.Reader) error {
	w := bufio.NewWriter(to)
	request := "GET http://parley.invalid/file." + extension + " HTTP/1.1\r\nHost: parley.invalid\r\n\r\n"
	response := "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " + strconv.FormatInt(size, 10) + "\r\n\r\n"
	fmt.Fprintf(w, "RESPMOD %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: parley-desk\r\nAllow: 204\r\nConnection: close\r\n"+ //nolint:errcheck // Flush says it
		"Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n%s%s",
		s.URL, s.Address, len(request), len(request)+len(response), request, response)
	part := make([]byte, 32<<10)
	for {
		n, err := file.Read(part)
		if n > 0 {
			fmt.Fprintf(w, "%x\r\n%s\r\n", n, part[:n]) //nolint:errcheck // Flush says it
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	_, _ = io.WriteString(w, "0\r\n\r\n")
	return w.Flush()
}

func answer(conn io.Reader) (status int, _ textproto.MIMEHeader, _ error) {
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, 64<<10)))
	line, err := r.ReadLine()
	if err != nil {
		return 0, nil, err
	}
	proto, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(proto, "ICAP/") {
		return 0, nil, fmt.Errorf("%.60q is no answer of ICAP", line)
	}
	header, err := r.ReadMIMEHeader()
	return status, header, err
}
