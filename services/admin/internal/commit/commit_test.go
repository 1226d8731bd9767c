package commit_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	chain "github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/audit/audittest"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/history"
)

func agent(id string, capacity int32) *configv1.Agent {
	return &configv1.Agent{Meta: &configv1.Meta{Id: id}, Capacity: capacity}
}

func queue(id string, agents ...string) *configv1.Queue {
	return &configv1.Queue{Meta: &configv1.Meta{Id: id}, Agents: agents}
}

func put(resources ...directory.Resource) []change.Edit {
	var edits []change.Edit
	for _, r := range resources {
		edits = append(edits, change.Edit{Verb: change.Put, Path: directory.Key(r), Resource: r})
	}
	return edits
}

func remove(r directory.Resource) []change.Edit {
	return []change.Edit{{Verb: change.Delete, Path: "id", Resource: r}}
}

// process runs a committer with a directory of its own while live runs.
func process(t *testing.T, box *secret.Box, config, past history.Bucket, live func(*commit.Committer)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := directory.Follow(config)
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	if err := d.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	live(&commit.Committer{Planner: change.Planner{Box: box, Now: time.Now}, Directory: d, Bucket: config, History: &history.Ledger{Bucket: past},
		Audit: chain.New(&audittest.Stream{}, box, time.Now)})
	cancel()
	running.Wait()
}

// audit holds what is kept against what CONFIG holds: versions are numbered from 1
// without a gap, folding them gives what is there, and each is put together as it
// was. It gives the records, the oldest first.
func audit(t *testing.T, world *directory.Snapshot, past history.Bucket) []*configv1.ConfigVersion {
	t.Helper()
	ledger := &history.Ledger{Bucket: past}
	records := make([]*configv1.ConfigVersion, world.Version)
	fold := map[string]string{} // key to digest
	for i := range records {
		v, err := ledger.Version(t.Context(), world, uint64(i+1))
		if err != nil {
			t.Fatalf("version %d of %d: %v", i+1, len(records), err)
		}
		records[i] = v
		for _, c := range v.GetChanges() {
			if fold[c.GetKey()] != string(c.GetBefore()) {
				t.Errorf("version %d changes %s from what it was not", i+1, c.GetKey())
			}
			fold[c.GetKey()] = string(c.GetAfter())
			if len(c.GetAfter()) == 0 {
				delete(fold, c.GetKey())
			}
		}
		state, err := ledger.State(t.Context(), world, uint64(i+1))
		if err != nil {
			t.Fatalf("putting version %d together: %v", i+1, err)
		}
		if got := digests(t, state); !maps.Equal(got, fold) {
			t.Errorf("version %d is put together as %d resources that are not the %d of its records", i+1, len(got), len(fold))
		}
	}
	if got := digests(t, world); !maps.Equal(got, fold) {
		t.Errorf("all versions make %d resources that are not the %d of CONFIG", len(fold), len(got))
	}
	return records
}

func digests(t *testing.T, s *directory.Snapshot) map[string]string {
	t.Helper()
	all := map[string]string{}
	for r := range s.All() {
		value, err := directory.Encode(change.Bare(r))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(value)
		all[directory.Key(r)] = string(sum[:])
	}
	return all
}

// actions are records in short: "created agents.mila, updated queues.front".
func actions(records []*configv1.ConfigVersion) string {
	var all []string
	for _, v := range records {
		var parts []string
		for _, c := range v.GetChanges() {
			action := strings.ToLower(strings.TrimPrefix(c.GetAction().String(), "CONFIG_ACTION_"))
			parts = append(parts, action+" "+c.GetKey())
		}
		all = append(all, fmt.Sprintf("%d %s", v.GetNumber(), strings.Join(parts, ", ")))
	}
	return strings.Join(all, "; ")
}

// deeds are four changes, each of which is the same when it is made twice.
func deeds() [][]change.Edit {
	return [][]change.Edit{
		put(agent("mila", 1), agent("orlin", 1), queue("front", "mila")),
		put(agent("mila", 2), &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "1", Account: "demo", AccessToken: &configv1.Secret{Value: "a-token-of-the-page"}},
			&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppId: "1", AppSecret: &configv1.Secret{Value: "the-secret-of-the-app"}}),
		put(queue("front", "mila", "orlin")),
		put(queue("front", "orlin"), agent("vera", 3)),
	}
}

const deedsInShort = "created agents.mila, created agents.orlin, created queues.front; %d updated agents.mila, created pages.shop, created channelAccounts.demo; %d updated queues.front; %d updated queues.front, created agents.vera"

// Whoever dies at whichever read or write, and whether the last write was stored:
// what goes on after makes the history whole, and as if nobody had died.
func TestHistoryIsWholeWhoeverDiesWhere(t *testing.T) {
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]struct {
		before []bus.Write
		want   string
	}{
		"a house that is empty": {nil, fmt.Sprintf("1 "+deedsInShort, 2, 3, 4)},
		"a house from before there was history": {[]bus.Write{
			{Key: "agents.nedko", Value: encoded(t, agent("nedko", 7)), Revision: bus.AnyRevision},
			{Key: directory.Marker, Value: []byte("1700000000000"), Revision: bus.AnyRevision},
		}, fmt.Sprintf("1 found agents.nedko; 2 "+deedsInShort, 3, 4, 5)},
	} {
		t.Run(name, func(t *testing.T) {
			for deadly := 0; ; deadly++ {
				over := false
				for _, stored := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						config, past := newShelf(), newShelf()
						if begin.before != nil {
							_ = config.Write(t.Context(), begin.before...)
						}
						// The directory's own watch of CONFIG does not count.
						d := &death{left: deadly + 1, stored: stored}
						process(t, box, mortal{config, d}, mortal{past, d}, func(c *commit.Committer) {
							for _, edits := range deeds() {
								_, _ = c.Commit(t.Context(), edits, false)
							}
						})
						over = !d.dead
						process(t, box, config, past, func(c *commit.Committer) {
							for i, edits := range deeds() {
								if done(c.Directory.Now(), i) {
									continue
								}
								if _, err := c.Commit(t.Context(), edits, false); err != nil {
									t.Fatal(err)
								}
							}
							if got := actions(audit(t, c.Directory.Now(), past)); got != begin.want {
								t.Errorf("dead after %d reads and writes, the last stored: %v:\n got %s\nwant %s", deadly, stored, got, begin.want)
							}
						})
					})
				}
				if over {
					if deadly < 8 {
						t.Errorf("only %d reads and writes: nobody died in earnest", deadly)
					}
					return
				}
			}
		})
	}
}

// done tells whether a deed was done already, so that who goes on does not undo
// what came after it.
func done(world *directory.Snapshot, deed int) bool {
	front := strings.Join(world.Queues["front"].GetAgents(), " ")
	return [...]bool{front != "", world.Pages["shop"] != nil, strings.Contains(front, "orlin"), world.Agents["vera"] != nil}[deed]
}

func encoded(t *testing.T, r directory.Resource) []byte {
	t.Helper()
	value, err := directory.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Several processes, each with several callers, change the same and different
// resources at once on a broker.
func TestRacingWritersMakeOneHistory(t *testing.T) {
	const processes, callers, changes = 2, 3, 5
	b := bustest.Open(t)
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	config, past := b.Bucket(subject.ConfigBucket), b.Bucket(subject.HistoryBucket)
	var all sync.WaitGroup
	var mu sync.Mutex
	numbers := map[uint64]string{}
	for p := range processes {
		all.Go(func() {
			process(t, box, config, past, func(c *commit.Committer) {
				var own sync.WaitGroup
				for i := range callers {
					own.Go(func() {
						for n := range changes {
							comment := fmt.Sprintf("p%d-c%d-%d", p, i, n)
							number := insist(t, c, comment, put(agent("shared", int32(1+n)), agent(fmt.Sprintf("p%d-c%d", p, i), int32(1+n)), queue("front", "shared")))
							mu.Lock()
							if other, twice := numbers[number]; twice {
								t.Errorf("%s and %s are both version %d", other, comment, number)
							}
							numbers[number] = comment
							mu.Unlock()
						}
					})
				}
				own.Wait()
			})
		})
	}
	all.Wait()
	process(t, box, config, past, func(c *commit.Committer) {
		records := audit(t, c.Directory.Now(), past)
		if want := processes * callers * changes; len(records) != want || len(numbers) != want {
			t.Errorf("%d changes made %d versions, told as %d", want, len(records), len(numbers))
		}
		for _, v := range records {
			if numbers[v.GetNumber()] != v.GetComment() {
				t.Errorf("version %d is %q, its maker was told it is %q", v.GetNumber(), v.GetComment(), numbers[v.GetNumber()])
			}
		}
	})
}

// insist makes a change, however often others are faster.
func insist(t *testing.T, c *commit.Committer, comment string, edits []change.Edit) uint64 {
	for {
		done, err := c.Make(t.Context(), commit.Deed{Comment: comment,
			Plan: func(world *directory.Snapshot) ([]change.Outcome, error) { return c.Planner.Plan(world, edits) }})
		if err == nil {
			return done.Version
		}
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", comment, err)
			return 0
		}
	}
}

// A marker that an older build wrote in between has no number. The versions from
// before it keep theirs, and history begins anew with what is there.
func TestHistoryBeginsAnewAfterAnOldMarker(t *testing.T) {
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		config, past := newShelf(), newShelf()
		process(t, box, config, past, func(c *commit.Committer) {
			for _, edits := range [][]change.Edit{put(agent("mila", 1)), put(agent("mila", 2)), put(agent("mila", 3)), remove(agent("mila", 0))} {
				if _, err := c.Commit(t.Context(), edits, false); err != nil {
					t.Fatal(err)
				}
			}
		})
		_ = config.Write(t.Context(), bus.Write{Key: "agents.orlin", Value: encoded(t, agent("orlin", 9)), Revision: bus.AnyRevision},
			bus.Write{Key: directory.Marker, Value: []byte("1700000000000"), Revision: bus.AnyRevision})
		process(t, box, config, past, func(c *commit.Committer) {
			if _, err := c.Commit(t.Context(), put(agent("orlin", 10)), false); err != nil {
				t.Fatal(err)
			}
			world := c.Directory.Now()
			ledger := &history.Ledger{Bucket: past}
			records, err := ledger.Versions(t.Context(), world, world.Version, 1)
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(records)
			records = slices.DeleteFunc(records, func(v *configv1.ConfigVersion) bool { return v == nil })
			want := "1 created agents.mila; 2 updated agents.mila; 3 updated agents.mila; 5 found agents.orlin; 6 updated agents.orlin"
			if got := actions(records); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			if s, err := ledger.State(t.Context(), world, 5); err != nil || s.Agents["orlin"].GetCapacity() != 9 {
				t.Errorf("version 5: %v, %v", s, err)
			}
			for _, n := range []uint64{2, 4} {
				if _, err := ledger.State(t.Context(), world, n); !fault.Is(err, fault.Precondition) {
					t.Errorf("version %d is put together over a gap: %v", n, err)
				}
			}
		})
	})
}

// The most that one change may be makes a record that the broker takes.
func TestTheLargestChangeFitsInTheMarker(t *testing.T) {
	b := bustest.Open(t)
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	var resources, grown []directory.Resource
	for i := range 999 {
		id := fmt.Sprintf("a%0*d", 62, i) // as long as an id may be
		resources, grown = append(resources, &configv1.CapacityProfile{Meta: &configv1.Meta{Id: id}, Limit: 1}), append(grown, &configv1.CapacityProfile{Meta: &configv1.Meta{Id: id}, Limit: 2})
	}
	config, past := b.Bucket(subject.ConfigBucket), b.Bucket(subject.HistoryBucket)
	process(t, box, config, past, func(c *commit.Committer) {
		for _, edits := range [][]change.Edit{put(resources...), put(grown...)} {
			if _, err := c.Make(t.Context(), commit.Deed{Comment: strings.Repeat("ж", 500),
				Plan: func(world *directory.Snapshot) ([]change.Outcome, error) { return c.Planner.Plan(world, edits) }}); err != nil {
				t.Fatal(err)
			}
		}
		marker, err := config.Get(t.Context(), directory.Marker)
		if err != nil || len(marker.Value) > 1<<18 {
			t.Errorf("the marker has %d bytes, %v", len(marker.Value), err)
		}
		t.Logf("the marker of 999 updated resources has %d bytes", len(marker.Value))
		audit(t, c.Directory.Now(), past)
	})
}

func TestComments(t *testing.T) {
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		config, past := newShelf(), newShelf()
		process(t, box, config, past, func(c *commit.Committer) {
			for comment, good := range map[string]bool{"": true, "new hours": true, strings.Repeat("ж", 500): true, strings.Repeat("x", 501): false, "two\nlines": false, "\xff": false} {
				_, err := c.Make(t.Context(), commit.Deed{Comment: comment, Dry: true,
					Plan: func(*directory.Snapshot) ([]change.Outcome, error) { return nil, nil }})
				if good != (err == nil) || !good && !fault.Is(err, fault.Invalid) {
					t.Errorf("%.10q: %v", comment, err)
				}
			}
		})
	})
}

// What only seals secrets with another key is a version, and says so.
func TestSealingAnewIsAVersion(t *testing.T) {
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		config, past := newShelf(), newShelf()
		process(t, box, config, past, func(c *commit.Committer) {
			mila := agent("mila", 1)
			mila.Password = &configv1.Secret{Value: "her password"}
			if _, err := c.Commit(t.Context(), put(mila, agent("orlin", 1)), false); err != nil {
				t.Fatal(err)
			}
			sealed := proto.CloneOf(c.Directory.Now().Agents["mila"])
			sealed.Password.Sealed = append(sealed.Password.Sealed, 'x')
			if _, err := c.Carry(t.Context(), func(world *directory.Snapshot) ([]change.Outcome, error) {
				return []change.Outcome{{Action: change.Updated, Before: world.Agents["mila"], Resource: sealed}}, nil
			}, false); err != nil {
				t.Fatal(err)
			}
			if got, want := actions(audit(t, c.Directory.Now(), past)), "1 created agents.mila, created agents.orlin; 2 resealed agents.mila"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
		for _, e := range past.entries() {
			for _, s := range []string{"her password", string(last(config, "agents.mila").GetPassword().GetSealed())} {
				if strings.Contains(string(e.Value), s) {
					t.Errorf("%s holds a secret, sealed or not", e.Key)
				}
			}
		}
	})
}

func last(s *shelf, key string) *configv1.Agent {
	e := s.last(key)
	r, _ := directory.Decode(key, e.Value)
	a, _ := r.(*configv1.Agent)
	return a
}
