// Package key is the vocabulary of logs, traces and metrics: every key that
// stands for something of the house is written here once.
package key

// Keys of log records and span attributes. None ever holds a customer's text,
// name or page-scoped id, or a secret.
const (
	Service    = "service"    // stage of the house
	Instance   = "instance"   // process
	Setting    = "setting"    // key of a setting
	Address    = "address"    // host and port, or path of a socket
	Err        = "error"      // what went wrong, with causes
	Kind       = "kind"       // kind of a fault
	Reason     = "reason"     // machine-readable reason
	TraceID    = "trace_id"   // W3C trace
	SpanID     = "span_id"    // W3C span
	Signal     = "signal"     // of the operating system
	Stage      = "stage"      // reader of the log
	Partition  = "partition"  // of the log
	Stream     = "stream"     // of the log
	Sequence   = "sequence"   // of a record in its stream
	Revision   = "revision"   // of a thread
	Attempts   = "attempts"   // tries until now
	Group      = "group"      // processes that share work
	Member     = "member"     // process of a group
	Role       = "role"       // work that one process does for all
	Agent      = "agent"      // by resource id
	Queue      = "queue"      // by resource id
	Workstream = "workstream" // by resource id
	Target     = "target"     // queue that something should go to, by resource id
	Ready      = "ready"      // checks that hold
	Took       = "took_seconds"
	Name       = "name"    // of a check or a setting
	Method     = "method"  // of an API
	Caller     = "caller"  // name in the caller's certificate, or "local:" and the socket's user
	Code       = "code"    // status of an answer
	Account    = "account" // channel account, by resource id
	Page       = "page"    // Meta's page id
	Until      = "until"   // time at which something lapses
	Days       = "days"    // within which something lapses
	Version    = "version" // of the build
	Commit     = "commit"  // of the sources it was built from
	Go         = "go"      // version that built it
	State      = "state"   // of a page's connection
	Rule       = "rule"    // "<ruleset>/<rule>"
	Letter     = "letter"  // in DEADLETTER, by sequence
	Erasure    = "erasure" // by id
	Outcome    = "outcome" // what became of something

	Files         = "files"         // how many
	Conversations = "conversations" // how many were looked at
	Messages      = "messages"      // how many had been missed
	Short         = "short"         // conversations of which Meta does not show enough
	Unread        = "unread"        // conversations that Meta does not let be read
)

// Keys of calls to Meta.
const (
	Class       = "class"        // what is known of a call
	HTTPStatus  = "http_status"  // of an answer
	MetaCode    = "meta_code"    // of a Graph error
	MetaSubcode = "meta_subcode" // of a Graph error
	MetaTrace   = "meta_trace"   // Meta's id of an answer, for a report to Meta
)
