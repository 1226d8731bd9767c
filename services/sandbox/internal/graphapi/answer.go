package graphapi

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
)

// graphError is a refusal in Meta's shape.
type graphError struct {
	Status    int // of HTTP; Meta's are no classifier
	Type      string
	Code      int
	Subcode   int
	Message   string
	Transient bool
	UserTitle string // for people; empty when Meta gives none
	UserMsg   string
}

func badRequest(format string, args ...any) *graphError {
	return &graphError{Status: 400, Code: 100, Message: "(#100) " + fmt.Sprintf(format, args...)}
}

// unknownObject is Meta's one answer for "no such thing" and "not yours".
func unknownObject(id string) *graphError {
	return &graphError{Status: 400, Type: "GraphMethodException", Code: 100, Subcode: 33,
		Message: fmt.Sprintf("Object %q does not exist, or the token may not see it, or it has no such operation", id)}
}

func unknownPerson() *graphError {
	return &graphError{Status: 400, Code: 100, Subcode: 2018001, Message: "(#100) No matching user found"}
}

func threadOwned() *graphError {
	return &graphError{Status: 403, Code: 10, Subcode: 2018300, Message: "(#10) Another app is controlling this thread now"}
}

func outsideWindow() *graphError {
	return &graphError{Status: 400, Code: 10, Subcode: 2018278,
		Message: "(#10) This message is sent outside of the allowed window"}
}

// refuse answers with an error body.
func refuse(w http.ResponseWriter, e *graphError) {
	if e.Type == "" {
		e.Type = "OAuthException"
	}
	body := map[string]any{"message": e.Message, "type": e.Type, "code": e.Code, "fbtrace_id": "A" + rand.Text()[:20]}
	if e.Subcode != 0 {
		body["error_subcode"] = e.Subcode
	}
	if e.Transient {
		body["is_transient"] = true
	}
	if e.UserTitle != "" || e.UserMsg != "" {
		body["error_user_title"], body["error_user_msg"] = e.UserTitle, e.UserMsg
	}
	answer(w, e.Status, map[string]any{"error": body})
}

// answer writes a JSON answer.
func answer(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{}`)
	}
	write(w, status, "application/json; charset=UTF-8", raw)
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the caller went away; nothing to do about it
}

// reset breaks the connection as a dying load balancer does: the caller sees
// "connection reset by peer" and no byte of an answer.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway) // cannot be hijacked (HTTP/2)
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // an orderly close is the second best
	}
	conn.Close() //nolint:errcheck // it is meant to break
}
