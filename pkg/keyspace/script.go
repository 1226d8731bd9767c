package keyspace

import (
	"context"
	"crypto/sha1" // #nosec G505 -- the name Redis gives to a script, not a safeguard
	"encoding/hex"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
)

// Group is the hash tag that keeps keys together on one node of a cluster, so
// that one script may touch all of them.
type Group string

// Key spells a key of the group: "{group}:part:part".
func (g Group) Key(parts ...string) string {
	return "{" + string(g) + "}:" + strings.Join(parts, ":")
}

// Script is Lua that runs by its digest. The zero value is not usable.
type Script struct {
	name, source, digest string
}

// NewScript makes a script of these pieces of source, one after the other.
// name stands in errors.
func NewScript(name string, pieces ...string) *Script {
	source := strings.Join(pieces, "\n")
	sum := sha1.Sum([]byte(source)) // #nosec G401 -- see the import
	return &Script{name: name, source: source, digest: hex.EncodeToString(sum[:])}
}

// Name is the name it was made with.
func (s *Script) Name() string { return s.name }

// Source is the whole Lua text.
func (s *Script) Source() string { return s.source }

// Load puts the script into the server's cache. Run does it when needed; a
// pipeline cannot, so load before one.
func (s *Script) Load(ctx context.Context, rdb redis.UniversalClient) error {
	return s.fault(rdb.ScriptLoad(ctx, s.source).Err())
}

// Queue adds the script to a pipeline. The caller has loaded it.
func (s *Script) Queue(ctx context.Context, p redis.Pipeliner, key string, args ...any) *redis.Cmd {
	return p.EvalSha(ctx, s.digest, []string{key}, args...)
}

// Run executes the script with one declared key, which must exist in a cluster
// that may be moving slots: the server redirects by it. An error reply of the
// script itself is returned as it is (errors.As to redis.Error). An error of the
// way there is Unavailable, and then it is not known whether the script ran; so
// is the reply of a server that is in no state to run it.
func (s *Script) Run(ctx context.Context, rdb redis.UniversalClient, key string, args ...any) ([]any, error) {
	reply, err := rdb.EvalSha(ctx, s.digest, []string{key}, args...).Slice()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, err = rdb.Eval(ctx, s.source, []string{key}, args...).Slice()
	}
	return reply, s.fault(err)
}

func (s *Script) fault(err error) error {
	if err == nil {
		return nil
	}
	if _, answered := errors.AsType[redis.Error](err); answered && !unfit(err) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Reason: "REDIS_AWAY", Message: "run script " + s.name, Cause: err}
}

// unfit tells whether an error reply speaks of the server and not of the script:
// it starts, is full, cannot write its disk, follows another server, lacks a
// replica or a neighbour, or knows its user no more. All of that passes.
func unfit(err error) bool {
	for _, state := range []string{"LOADING", "BUSY", "OOM", "MISCONF", "READONLY", "MASTERDOWN", "NOREPLICAS",
		"CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOAUTH", "NOPERM", "WRONGPASS"} {
		if redis.HasErrorPrefix(err, state) {
			return true
		}
	}
	return false
}
