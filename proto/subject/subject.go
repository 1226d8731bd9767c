// Package subject is the one list of streams, subjects and buckets of the bus,
// and the function that places a thread in a partition. Nothing else in the
// house spells a subject.
//
// Ids come from outside (page id, PSID), so they are encoded: whatever they
// hold, they stay one token and never become a wildcard.
package subject

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Thread names one thread: one customer on one page.
type Thread struct {
	Page string // Meta's page id
	PSID string // page-scoped id of the customer
}

// TestPSID is the customer of events with which a page is tested; Meta gives it
// to nobody.
const TestPSID = "0"

// Partition tells which of n partitions the thread belongs to, 0 to n-1.
// It depends on nothing but the two ids, so every process agrees.
func (t Thread) Partition(n int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, token(t.Page))
	_, _ = io.WriteString(h, token(t.PSID))
	return int(h.Sum32() % uint32(n))
}

// Key is a printable, unambiguous form of the thread for maps and Redis: two
// encoded tokens with a dot between them.
func (t Thread) Key() string { return token(t.Page) + "." + token(t.PSID) }

// ParseKey reads what Key wrote.
func ParseKey(key string) (Thread, error) {
	page, psid, ok := strings.Cut(key, ".")
	if !ok {
		return Thread{}, fmt.Errorf("thread key %q has no dot", key)
	}
	p, err := untoken(page)
	if err != nil {
		return Thread{}, fmt.Errorf("page of thread key %q: %w", key, err)
	}
	c, err := untoken(psid)
	if err != nil {
		return Thread{}, fmt.Errorf("psid of thread key %q: %w", key, err)
	}
	return Thread{Page: p, PSID: c}, nil
}

// Streams and buckets.
const (
	// DeadLetters holds what a stage could not handle.
	DeadLetters = "DEADLETTER"
	// DeadLetterAll matches every subject of DeadLetters.
	DeadLetterAll = "deadletter.>"
	// Files holds the files of customers, and those that agents send, in chunks.
	Files = "FILES"
	// FilesAll matches every subject of Files.
	FilesAll = filePrefix + ">"
	// Crm holds what a CRM is told.
	Crm = "CRM"
	// CrmAll matches every subject of Crm.
	CrmAll = crmPrefix + ">"
	// Audit holds who did what that not everybody may.
	Audit = "AUDIT"
	// AuditRecord is the one subject of Audit: its records are a chain.
	AuditRecord = "audit.record"
	// ConfigBucket holds the resources of administrators.
	ConfigBucket = "CONFIG"
	// HistoryBucket holds the versions of the configuration; VersionKey and
	// ContentKey are its keys.
	HistoryBucket = "HISTORY"
	// CheckpointBucket holds how far each stage has come.
	CheckpointBucket = "CHECKPOINT"
	// LeaseBucket holds who reads which partition for which stage.
	LeaseBucket = "LEASE"
	// PresenceBucket holds what each agent is ready for, as far as it is not offline.
	PresenceBucket = "PRESENCE"
	// PauseBucket holds which queues are paused, since when and by whom.
	PauseBucket = "PAUSE"
	// SessionBucket holds who is signed in.
	SessionBucket = "SESSION"
	// ClientBucket holds the API clients, and hashes of their tokens.
	ClientBucket = "CLIENT"
	// MediaBucket holds under which ids Meta has files that agents sent; MediaKey
	// is its key. Entries lapse before the ids do.
	MediaBucket = "MEDIA"
	// PersonaBucket holds under which ids Meta has the names of agents; PersonaKey
	// is its key.
	PersonaBucket = "PERSONA"
	// UploadBucket holds the files that agents have uploaded and not sent;
	// UploadKey is its key.
	UploadBucket = "UPLOAD"
	// ProvisionBucket holds what was seen of each page's connection to Meta;
	// CallbackKey, DeauthorizedKey, EventsKey, RecordKey, RepairKey, SignatureKey,
	// StandingKey, TokenKey and AliveKey are its keys.
	ProvisionBucket = "PROVISION"
	// PrivacyBucket holds what people asked of their data, and what became of it;
	// RequestKey, PayloadKey, ErasureKey, CertificateKey and HoldKey are its keys.
	PrivacyBucket = "PRIVACY"
	// ContactBucket holds contacts; ContactKey and ExternalKey are its keys.
	ContactBucket = "CONTACT"
	// ReplyBucket holds the canned replies that agents write for themselves;
	// ReplyKey is its key.
	ReplyBucket = "REPLY"
	// Restoring is there while a backup is put in place of an empty house. Nothing
	// else is in it.
	Restoring = "RESTORING"
	// RestoringMark is its subject.
	RestoringMark = "restoring.mark"
	// AliveKey is where ProvisionBucket says that ingress was there.
	AliveKey = "alive.ingress"
)

// MediaKey is where MediaBucket keeps the id of a file, by Meta's page id and a
// keyed hash of what the file holds, hex.
func MediaKey(pageID, hash string) string { return token(pageID) + "." + hash }

// PersonaKey is where PersonaBucket keeps the id of an agent's name, by Meta's
// page id and the agent's resource id.
func PersonaKey(pageID, agent string) string { return token(pageID) + "." + token(agent) }

// ParsePersonaKey reads what PersonaKey wrote.
func ParsePersonaKey(key string) (pageID, agent string, err error) {
	page, name, ok := strings.Cut(key, ".")
	if !ok {
		return "", "", fmt.Errorf("persona key %q has no dot", key)
	}
	if pageID, err = untoken(page); err == nil {
		agent, err = untoken(name)
	}
	if err != nil {
		return "", "", fmt.Errorf("persona key %q: %w", key, err)
	}
	return pageID, agent, nil
}

// UploadKey is where UploadBucket keeps an upload, by its id, beside the others of
// the same thread.
func UploadKey(t Thread, id string) string { return t.Key() + "." + token(id) }

// ReplyKey is where ReplyBucket holds the replies of an agent.
func ReplyKey(agent string) string { return "own." + token(agent) }

// CallbackKey is where ProvisionBucket says that Meta verified the callback of
// a channel account, by resource id.
func CallbackKey(account string) string { return "callback." + token(account) }

// EventsKey is where ProvisionBucket says that signed events of a page came, by
// Meta's page id.
func EventsKey(pageID string) string { return "events." + token(pageID) }

// RecordKey is where ProvisionBucket says what Meta answered of a page, by
// resource id.
func RecordKey(page string) string { return "record." + token(page) }

// TokenKey is where ProvisionBucket says what Meta said of a page's token when a
// message was sent with it, by Meta's page id.
func TokenKey(pageID string) string { return "token." + token(pageID) }

// StandingKey is where ProvisionBucket says what the checks of a page mean for
// those who send and write, by Meta's page id.
func StandingKey(pageID string) string { return "standing." + token(pageID) }

// RepairKey is where ProvisionBucket says what was done about messages that a
// page may have missed, by resource id.
func RepairKey(page string) string { return "repair." + token(page) }

// DeauthorizedKey is where ProvisionBucket says that somebody removed the app of
// a channel account, by resource id.
func DeauthorizedKey(account string) string { return "deauthorized." + token(account) }

// RequestKey is where PrivacyBucket keeps the request with a confirmation code.
func RequestKey(code string) string { return requestPrefix + token(code) }

const requestPrefix = "request."

// IsRequest tells whether a key of PrivacyBucket is RequestKey of some code.
func IsRequest(key string) bool { return strings.HasPrefix(key, requestPrefix) }

// PayloadKey is where PrivacyBucket keeps the code of the request that came with
// a payload, by its hash, so that one that comes again is told the same.
func PayloadKey(hash string) string { return "payload." + token(hash) }

// ErasureKey is where PrivacyBucket keeps an erasure that is not done, by its id.
func ErasureKey(id string) string { return ErasurePrefix + "." + token(id) }

// CertificateKey is where PrivacyBucket keeps one that is done.
func CertificateKey(id string) string { return CertificatePrefix + "." + token(id) }

// HoldKey is where PrivacyBucket keeps who is not to be erased, by a keyed hash of
// the person.
func HoldKey(fingerprint string) string { return HoldPrefix + "." + token(fingerprint) }

// RetentionKey is where PrivacyBucket says how far back conversations go.
const RetentionKey = "retention"

// Prefixes of these keys, whole parts.
const (
	ErasurePrefix     = "erasure"
	CertificatePrefix = "certificate"
	HoldPrefix        = "hold"
)

// ContactKey is where ContactBucket keeps a contact, by its id.
func ContactKey(id string) string { return contactPrefix + token(id) }

const contactPrefix = "c."

// IsContact tells whether a key of ContactBucket is ContactKey of some id.
func IsContact(key string) bool { return strings.HasPrefix(key, contactPrefix) }

// ParseContactKey reads the id out of a key that ContactKey made.
func ParseContactKey(key string) (string, error) {
	return untoken(strings.TrimPrefix(key, contactPrefix))
}

// ExternalKey is where ContactBucket keeps whose an external id is, by its hash.
func ExternalKey(hash string) string { return "x." + token(hash) }

// VersionKey is where HistoryBucket keeps the record of a version.
func VersionKey(number uint64) string { return fmt.Sprintf("%s%020d", versionPrefix, number) }

const versionPrefix = "v."

// ParseVersionKey reads the number out of a key that VersionKey made; false when
// it is another key.
func ParseVersionKey(key string) (uint64, bool) {
	digits, found := strings.CutPrefix(key, versionPrefix)
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, found && err == nil && VersionKey(number) == key
}

// ContentKey is where HistoryBucket keeps a resource as it once was, by its
// digest.
func ContentKey(digest []byte) string { return "c." + hex.EncodeToString(digest) }

// SignatureKey is where ProvisionBucket says with which app secrets webhooks of
// a channel account were signed, by resource id.
func SignatureKey(account string) string { return "signature." + token(account) }

// ParseProvision reads what is spoken of out of a key of ProvisionBucket: the
// kind is that of the key's function, "callback", "deauthorized", "events",
// "record", "repair", "signature", "standing" or "token", and "alive" for AliveKey.
func ParseProvision(key string) (kind, id string, err error) {
	kind, tok, ok := strings.Cut(key, ".")
	if !ok {
		return "", "", fmt.Errorf("provision key %q has no dot", key)
	}
	id, err = untoken(tok)
	if err != nil {
		return "", "", fmt.Errorf("provision key %q: %w", key, err)
	}
	return kind, id, nil
}

// IsStream tells whether a stream of the broker is one of a house; Restoring is
// none.
func IsStream(name string) bool {
	kind, number, numbered := strings.Cut(name, "_")
	switch {
	case numbered && kind == "KV":
		return slices.Contains([]string{ConfigBucket, HistoryBucket, CheckpointBucket, LeaseBucket, PresenceBucket, PauseBucket, SessionBucket, MediaBucket,
			PersonaBucket, UploadBucket, ProvisionBucket, PrivacyBucket, ContactBucket, ReplyBucket, ClientBucket}, number)
	case numbered:
		_, err := strconv.Atoi(number)
		return err == nil && (kind == "INBOUND" || kind == "THREAD")
	}
	return slices.Contains([]string{DeadLetters, Files, Crm, Audit}, name)
}

// InboundStream is the stream of partition p of INBOUND.
func InboundStream(p int) string { return fmt.Sprintf("INBOUND_%02d", p) }

// Inbound is the one subject of InboundStream(p): a record holds events of many
// threads.
func Inbound(p int) string { return "inbound." + strconv.Itoa(p) }

// ThreadStream is the stream of partition p of THREAD.
func ThreadStream(p int) string { return fmt.Sprintf("THREAD_%02d", p) }

// ThreadAll matches every subject of ThreadStream(p).
func ThreadAll(p int) string { return "thread." + strconv.Itoa(p) + ".>" }

// Log is the subject of the commits of t among n partitions.
func Log(t Thread, n int) string {
	return "thread." + strconv.Itoa(t.Partition(n)) + "." + t.Key()
}

// ParseLog reads the thread out of a subject that Log made.
func ParseLog(s string) (Thread, error) {
	parts := strings.SplitN(s, ".", 3)
	if len(parts) != 3 {
		return Thread{}, fmt.Errorf("subject %q is not of a thread", s)
	}
	return ParseKey(parts[2])
}

const (
	filePrefix = "file."
	crmPrefix  = "crm."
)

// OfContact is the subject of what a CRM is told of a contact, by its id.
func OfContact(id string) string { return crmPrefix + "contact." + token(id) }

// OfStranger is the subject of what a CRM is told of a thread whose customer is no
// known contact.
func OfStranger(t Thread) string { return crmPrefix + "stranger." + t.Key() }

// FilesOf matches the files of a thread.
func FilesOf(t Thread) string { return filePrefix + t.Key() + ".>" }

// FileAll matches the chunks of an object of Files, or of all objects under a
// name, by their key.
func FileAll(key string) string { return filePrefix + key + ".>" }

// File is the subject of a chunk of an object of Files, by its key.
func File(key string, chunk int64) string {
	return filePrefix + key + "." + strconv.FormatInt(chunk, 10)
}

// ParseFile reads the key of an object out of the subject of one of its chunks.
func ParseFile(s string) (key string, ok bool) {
	key, ok = strings.CutPrefix(s, filePrefix)
	end := strings.LastIndexByte(key, '.')
	return key[:max(end, 0)], ok && end > 0
}

// ThreadOfFile reads whose an object is out of its key.
func ThreadOfFile(key string) (Thread, error) {
	parts := strings.SplitN(key, ".", 3)
	if len(parts) != 3 {
		return Thread{}, fmt.Errorf("file key %q is of no thread", key)
	}
	return ParseKey(parts[0] + "." + parts[1])
}

// DeadLetter is the subject of a record that stage gave up in partition p.
func DeadLetter(stage string, p int) string {
	return "deadletter." + stage + "." + strconv.Itoa(p)
}

// Settled is the subject on which stands what became of a letter of DEADLETTER.
// No stage is called like that.
func Settled(letter uint64) string {
	return settledPrefix + strconv.FormatUint(letter, 10)
}

// SettledAll matches Settled of every letter.
const SettledAll = settledPrefix + ">"

const settledPrefix = "deadletter.~settled."

// ParseSettled reads the letter out of a subject that Settled made; false when it
// is another subject.
func ParseSettled(s string) (letter uint64, ok bool) {
	digits, found := strings.CutPrefix(s, settledPrefix)
	letter, err := strconv.ParseUint(digits, 10, 64)
	return letter, found && err == nil
}

// Call is the subject on which a method of a service is asked for.
func Call(method string) string { return "call." + method }

// Presence is the subject on which a process answers that it lives.
func Presence(instance string) string { return "presence." + token(instance) }

// Inbox is what the subjects begin with on which a service's processes are
// answered.
func Inbox(service string) string { return "_INBOX." + token(service) }

var encoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// token keeps plain ids readable (digits and letters, as Meta's are) and
// encodes everything else behind a leading '_', which a plain id never has.
func token(id string) string {
	if plain(id) {
		return id
	}
	return "_" + encoding.EncodeToString([]byte(id))
}

func untoken(tok string) (string, error) {
	rest, coded := strings.CutPrefix(tok, "_")
	if !coded {
		if !plain(tok) {
			return "", fmt.Errorf("token %q is not plain and not encoded", tok)
		}
		return tok, nil
	}
	raw, err := encoding.DecodeString(rest)
	if err != nil {
		return "", fmt.Errorf("token %q: %w", tok, err)
	}
	// Base32 can be written in several ways: bits left over, line breaks.
	if token(string(raw)) != tok {
		return "", fmt.Errorf("token %q is not how its id is written", tok)
	}
	return string(raw), nil
}

func plain(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return true
}
