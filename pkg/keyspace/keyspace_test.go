package keyspace_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
)

func TestScriptRunsWhateverTheServerRemembers(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		count := keyspace.NewScript("count", "return {redis.call('INCRBY', KEYS[1], ARGV[1])}")
		for want := int64(2); want <= 6; want += 2 {
			got, err := count.Run(t.Context(), rdb, keyspace.Group("g").Key("n"), 2)
			if err != nil {
				t.Fatalf("run: %v", err)
			}
			if len(got) != 1 || got[0] != want {
				t.Fatalf("got %v, want [%d]", got, want)
			}
			if err := rdb.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatalf("flush scripts: %v", err)
			}
		}
	})
}

func TestScriptKeepsItsOwnErrorApart(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		refuse := keyspace.NewScript("refuse", "return redis.error_reply('EPOCH none')")
		_, err := refuse.Run(t.Context(), rdb, "k")
		if !redis.HasErrorPrefix(err, "EPOCH") {
			t.Fatalf("got %v, want the script's EPOCH", err)
		}
		if err := rdb.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		if _, err := refuse.Run(t.Context(), rdb, "k"); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("got %v, want unavailable", err)
		}
	})
}

// TestServerThatTakesNothingIsAway has the server refuse what has nothing wrong
// with it; whoever asked must ask again later.
func TestServerThatTakesNothingIsAway(t *testing.T) {
	for name, spoil := range map[string]func(redis.UniversalClient) error{
		"full":    func(rdb redis.UniversalClient) error { return rdb.ConfigSet(t.Context(), "maxmemory", "1").Err() },
		"replica": func(rdb redis.UniversalClient) error { return rdb.SlaveOf(t.Context(), "127.0.0.1", "1").Err() },
	} {
		t.Run(name, func(t *testing.T) {
			rdb := keyspacetest.Server(t)
			if err := spoil(rdb); err != nil {
				t.Fatalf("spoil: %v", err)
			}
			count := keyspace.NewScript("count", "return {redis.call('INCR', KEYS[1])}")
			if _, err := count.Run(t.Context(), rdb, "k"); !fault.Is(err, fault.Unavailable) {
				t.Fatalf("got %v, want unavailable", err)
			}
		})
	}
}

func TestOpenRefusesABadURLWithoutRepeatingIt(t *testing.T) {
	_, _, err := keyspace.Open(t.Context(), keyspace.Config{URL: "redis://user:secret@%zz"})
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("got %v, want invalid", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Fatalf("the error tells the password: %v", err)
	}
}

func TestKeysOfAGroupShareATag(t *testing.T) {
	if got := keyspace.Group("g").Key("a", "mila"); got != "{g}:a:mila" {
		t.Fatalf("got %q", got)
	}
}

func TestLongPipelineGoesThrough(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		value := strings.Repeat("x", 1000)
		pipe := rdb.Pipeline()
		for range 2000 {
			pipe.Set(t.Context(), "k", value, 0)
			pipe.Get(t.Context(), "k")
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatalf("exec: %v", err)
		}
	})
}
