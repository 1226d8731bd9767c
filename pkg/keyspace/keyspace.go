// Package keyspace is the house's door to Redis: how it is opened, how keys
// are spelled and how Lua is run. Whatever lives behind it is disposable; the
// log can rebuild all of it.
package keyspace

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
)

// Limits of one command. A script takes well under a millisecond; a server
// that needs longer than this is better treated as away than waited for.
const (
	dialTimeout    = time.Second
	commandTimeout = 150 * time.Millisecond
)

// Config says where Redis is: Embedded wins over URL.
type Config struct {
	URL      string        // redis://, rediss:// or unix://, with user, password and database
	Door     Door          // who this process is, and how the way there is guarded
	Embedded bool          // keep everything in this process
	Patience time.Duration // with one command; 0 is 150 ms, and 5 s Embedded
	Lazy     bool          // do not ask yet whether the server is there
}

// Open connects and returns the client with the function that gives everything
// up. An unreachable server is Unavailable; a bad URL is Invalid, and a
// password that it does not take is Denied.
//
// A command is never repeated by the client: a repeat after a lost reply is a
// decision of the caller, who knows whether it is harmless.
func Open(ctx context.Context, cfg Config) (redis.UniversalClient, func() error, error) {
	if cfg.Embedded {
		return embedded(cmp.Or(cfg.Patience, 5*time.Second))
	}
	opts, err := redis.ParseURL(cfg.URL)
	if err != nil {
		// The text of err may quote the URL, and with it a password.
		return nil, nil, fault.New(fault.Invalid, "REDIS_URL", "the address of Redis must look like redis://host:6379/0")
	}
	opts = tighten(opts, cfg.Patience)
	if err := cfg.Door.guard(opts); err != nil {
		return nil, nil, err
	}
	rdb := redis.NewClient(opts)
	if cfg.Lazy {
		return rdb, rdb.Close, nil
	}
	switch err := rdb.Ping(ctx).Err(); {
	case redis.IsAuthError(err):
		return nil, nil, errors.Join(&fault.Error{Kind: fault.Denied, Reason: "REDIS_DENIED",
			Message: "Redis at " + opts.Addr + " does not take the user and password of redis.password_file or redis.url", Cause: err}, rdb.Close())
	case err != nil:
		return nil, nil, errors.Join(&fault.Error{Kind: fault.Unavailable, Reason: "REDIS_AWAY",
			Message: "connect to Redis at " + opts.Addr, Cause: err}, rdb.Close())
	}
	return rdb, rdb.Close, nil
}

// embedded listens on a loopback port, with a password that only this process
// knows. A pipe in memory would do without, but it has no buffer: a pipeline
// longer than the client's own stops both sides for ever.
func embedded(patience time.Duration) (redis.UniversalClient, func() error, error) {
	server := miniredis.NewMiniRedis()
	password := rand.Text()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, nil, fault.Wrap(err, "start the embedded Redis")
	}
	// The interpreter shares the processor with everything else here: a slow
	// answer says that the machine is busy, not that the server is away.
	opts := tighten(&redis.Options{Addr: server.Addr(), Password: password}, patience)
	rdb := redis.NewClient(opts)
	return rdb, func() error {
		err := rdb.Close()
		server.Close()
		return err
	}, nil
}

func tighten(opts *redis.Options, patience time.Duration) *redis.Options {
	opts.Protocol = 2 // the replies of scripts look the same on every server
	opts.DisableIdentity = true
	opts.MaxRetries = -1
	opts.DialTimeout = dialTimeout
	opts.DialerRetries = 1
	patience = cmp.Or(patience, commandTimeout)
	opts.ReadTimeout, opts.WriteTimeout = patience, patience
	opts.ContextTimeoutEnabled = true
	opts.PoolSize = max(opts.PoolSize, 32)
	return opts
}
