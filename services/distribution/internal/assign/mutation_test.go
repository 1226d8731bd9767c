package assign_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// mutants are faults that a careless edit could make; the model test must see
// every one of them.
var mutants = []struct{ name, file, old, new string }{
	{"older revisions change the item", "apply", "tonumber(rev) <= tonumber(old.rev)", "tonumber(rev) < 0"},
	{"an offer is kept under another fence", "apply", "old.fe == fe) or", "true) or"},
	{"the fence of an accepted offer is not looked at", "apply", "(old.st ~= 'O' or old.fe == fe)", "true"},
	{"a refused offer keeps its units", "apply", "(old.st == 'O' or old.st == 'R'", "(old.st == 'R'"},
	{"a refused offer ends another", "apply", "here and given_up == old.fe", "here and given_up ~= ''"},
	{"a late answer ends an offer", "apply", "tonumber(rev) == tonumber(old.rev) and (", "("},
	{"the counter stays below a fence of the log", "apply", "tonumber(highest) > book.seq", "tonumber(highest) < 0"},
	{"freed units are not given back", "apply", "  book.give_back(freed, old)", "  book.let_go(freed, key)"},
	{"declining never ends", "matching", "d < 2 * policy.enough and", "d < 1000 and"},
	{"an agent is given what it declined for good", "matching", "if x.d < 2 * policy.enough then", "if x.d < 1000 then"},
	{"declines outlive an assignment", "apply", "st == 'A' or st == 'U' or", ""},
	{"declines outlive a queue", "apply", " or (st == 'W' and anew)", ""},
	{"declines are forgotten", "apply", "book.decline(i, freed.id, old.mark)", "local _ = i"},
	{"a missed offer leaves the agent available", "apply", "'INACTIVE'", "'AVAILABLE'"},
	{"a stale offer is queued", "apply", "i.st, i.mark = 'S'", "i.st, i.mark = 'W'"},
	{"freed capacity does not match", "apply", "if freed then book.match_agent(freed) end", ""},
	{"wrap-up past its end takes capacity", "apply", "due > 0 and due <= book.now", "due > 0 and due < 0"},
	{"priority is ignored", "waiting", "return (1023 - pri)", "return (1023 - 0 * pri)"},
	{"a score goes through a string", "waiting", "* 8796093022208 + queued", "* 8796093022208 + queued .. ''"},
	{"which presence is allowed does not count", "capacity", "return letter and string.find(k.mask, letter, 1, true)", "return letter"},
	{"an agent takes one unit too many", "capacity", "- book.num(a.used) < k.units", "- book.num(a.used) + 1 < k.units"},
	{"the ready list is not renewed when units are taken", "capacity", "book.hold(a, i.key)\n  book.reindex(a, true)", "book.hold(a, i.key)"},
	{"an offered item stays in its list", "matching", "  book.unlist(i)\n  i.st", "  i.st"},
	{"highest capacity means lowest", "capacity", "(8191 - math.max(0, math.min(free, 8191)))", "math.max(0, math.min(free, 8191))"},
	{"queue priority is turned round", "matching", "pri = -pri", "pri = pri"},
	{"declines do not count for the agent", "matching", "if x.d == 0 or seen == book.glance then return best end", "do return best end"},
	{"offline keeps offers", "presence", "  book.revoke_offers(a)\n", ""},
	{"offline for silence keeps offers", "tick", "    book.revoke_offers(a)\n", ""},
	{"a timer fires once", "tick", "book.zadd(book.timers, book.now + book.retry, member)\n  ask('END'", "book.zrem(book.timers, member)\n  ask('END'"},
	{"wrap-up never ends", "tick", "  book.give_back(a, i)\n", ""},
	{"any fence may be answered", "answer", "or i.fe ~= fence", ""},
	{"a hold takes nothing", "hold", "book.take(book.agent(a), i, '')", "book.reindex(book.agent(a))"},
	{"the book of another history is believed", "history", "known[3] ~= here", "false"},
	{"who left a queue is counted", "waiting", "  book.zrem(book.inside_key(i.q), i.key)\n", ""},
	{"who is offered is not counted", "book", "{W = true, O = true, S", "{W = true, S"},
	{"who came is counted twice", "apply", "if st ~= 'X' or q ~= '' then book.drop_place(key, book.conv_of(i)) end\n", ""},
	{"a word of the customer gives the place up", "apply", "if st ~= 'X' or q ~= '' then book.drop", "do book.drop"},
	{"an earlier conversation takes the place up", "waiting", "if not q or (conv and whose ~= conv)", "if not q"},
	{"who asks again has two places", "place", "then book.drop_place(key) end\n", "then end\n"},
	{"who looks keeps a place", "place", "if ttl > 0 and place", "if place"},
	{"a place is kept too long", "place", "'(' .. ARGV[2]", "'-inf'"},
	{"a place is kept for ever", "tick", "  book.drop_place(key)\n", ""},
	{"a full queue has room", "place", "inside_now < limit", "inside_now <= limit"},
	{"a queue without a limit has none", "place", "limit == 0 or ", ""},
	{"who is in a queue counts against itself", "place", "inside_now = inside_now - 1", "inside_now = inside_now - 0"},
	{"who is late is offered", "tick", "  book.unlist(i)\n  book.zadd(book.timers, book.now + book.retry, 'x", "  book.zadd(book.timers, book.now + book.retry, 'x"},
	{"who is late is asked out once", "tick", "  book.zadd(book.timers, book.now + book.retry, 'x:' .. i.key)\n", ""},
	{"who is late is asked out of an offer", "tick", "if i.st ~= 'W' then return book.zrem", "if i.st == 'X' then return book.zrem"},
	{"who is late is forgotten in an offer", "apply", "if late and old.st ~= 'W' then", "if false then"},
	{"who is late is offered anew", "apply", "local late = i.late == '1'", "local late = false"},
	{"who comes late waits", "apply", "wait > 0 and book.terms(i).since + wait <= book.now", "false"},
	{"every offer begins another wait", "apply", "and same and old.q == q and (", "and same and old.st == st and old.q == q and ("},
	{"a wait goes on in another queue", "apply", "and same and old.q == q and (", "and same and ("},
	{"a wait goes on after an agent", "apply", " and (old.what == what or book.terms(old).since == book.terms(i).since)", ""},
	{"a rule about waiting is not heard of", "queue", "watch_waits(q)\n", ""},
	{"who is put off asks as often as before", "put_off", "2 * math.max(book.num(i.po), book.retry)", "2 * book.retry"},
	{"who is put off asks ever less", "put_off", "book.now + math.min(pause, longest)", "book.now + pause"},
	{"who is put off is offered to nobody", "put_off", "  book.line_up(i)\n", ""},
	{"another stay is put off", "put_off", " or book.terms(i).since ~= since", ""},
	{"a paused queue is offered", "matching", "if book.queue(i.q).paused or not", "if not"},
	{"agents look into a paused queue", "matching", "not book.queue(s.q).paused and book.fits", "book.fits"},
	{"who is waited for gets what is paused", "matching", "not book.queue(i.q).paused and book.fits", "book.fits"},
	{"a queue goes on and nobody looks", "pause", "book.zadd(book.timers, book.now, 'g:' .. a)", ""},
	{"a queue goes on and who is waited for does not look", "pause", "if a then", "if false then"},
	{"whoever has a blocking profile at its limit gets more", "capacity", "    if l.blocks and book.count(a, p) >= l.limit then return false end\n", ""},
	{"profiles have no limit", "capacity", "if held[p] and book.count(a, p) >= held[p].limit then", "if false then"},
	{"a profile has room for one too many", "capacity", "book.count(a, p) >= held[p].limit then", "book.count(a, p) > held[p].limit then"},
	{"an agent without the profile is asked", "capacity", "'.', 1, true) then return false end", "'.', 1, true) then end"},
	{"having a skill is enough", "capacity", " or tonumber(v) < need[2]", ""},
	{"a skill is not needed", "capacity", "if not v or", "if v and"},
	{"one skill of several is enough", "capacity", "if need ~= rarest then found", "if false then found"},
	{"a stranger has the skill", "capacity", "'SMISMEMBER', members, 1)", "'SMISMEMBER', members, 0)"},
	{"whoever is read with others is somebody else", "store", "book.hear(new[n], raw)", "book.hear(new[#new + 1 - n], raw)"},
	{"all are as near", "capacity", "return far * 8796093022208 + since", "return since"},
	{"too good is as bad as not good enough", "capacity", "return 32 * math.ceil", "return math.ceil"},
	{"nobody has had a turn", "capacity", "if q ~= '' then", "if false then"},
	{"whoever joins comes first", "agent", "if not had[q] then", "if false then"},
	{"a dropped class is served", "capacity", "if s.q ~= q or s.c ~= c then", "do"},
	{"a class is kept for ever", "tick", "  book.drop_class(q, c)\n", ""},
	{"a class is dropped while somebody waits", "tick", "(q, c))) > 0 then return", "(q, c))) < 0 then return"},
	{"an agent keeps a skill it lost", "agent", "do book.zrem(book.skill_key(s), id) end", "do end"},
	{"a day does not end", "tick", "if l.daily then", "if false then"},
	{"a day ends again and again", "tick", "a.asked ~= 'asked'", "a.asked ~= 'never'"},
	{"what counts for the day is given back", "capacity", "if not (l and l.daily) then", "do"},
	{"an offer is load", "readiness", "if i.st == 'O' then\n        local k", "if false then\n        local k"},
	{"what an agent chose outlives a conversation", "readiness", "and not (turns and passing) then", "then"},
	{"the load overrules an agent", "readiness", "local passing = a.pres == 'AVAILABLE' or a.pres == 'BUSY'", "local passing = true"},
	{"who was lost is ready whatever the load", "readiness", "(a.src == 'LOAD' and '~' or '')", "''"},
	{"a full agent is busy", "readiness", "(full or blocked) and 'DO_NOT_DISTURB' or", ""},
	{"the load of a full profile is passed over", "readiness", "blocked = blocked or l.blocks", ""},
	{"missing an offer never has a consequence", "apply", "and policy.missed", "and false"},
	{"rejecting an offer always has one", "apply", "and policy.rejected", ""},
	{"an offer nobody saw is missed", "tick", "i.sh ~= '' and 'TIMED_OUT' or 'UNDELIVERED'", "'TIMED_OUT'"},
	{"an offer nobody saw is declined", "book", "if outcome ~= 'UNDELIVERED' then", "if true then"},
	{"an offer nobody saw lasts its full time", "apply", "or due - book.terms(i).oms, 'o:'", "or due, 'o:'"},
	{"the time to answer begins again", "shown", "if i.sh ~= '' then return {tonumber(i.sh)} end", ""},
	{"an offer that has ended is shown", "shown", " or i.mark ~= '' then", " then"},
	{"somebody else's offer is shown", "shown", " or i.ag ~= a", ""},
	{"who is full picks", "pick", "if not book.has_room(a, wanted) then return {'FULL'} end", ""},
	{"an agent without the profile picks", "pick", "if not book.limits(a)[p] then return {'FULL'} end", ""},
	{"what is offered is picked", "pick", "if i.st ~= 'W' then return {'BUSY'} end", ""},
	{"strangers pick", "pick", "if redis.call('SISMEMBER', book.members_key(i.q), id) == 0 then return {'QUEUE'} end", ""},
	{"a pick that nobody followed holds", "tick", "if i.st ~= 'R' and i.st ~= 'P' then", "if i.st ~= 'R' then"},
	{"a pick leaves the queue at once", "book", "S = true, P = true}", "S = true}"},
	{"what agents pick is offered", "waiting", "if book.terms(i).pk == '1' then return false end", ""},
	{"what so many declined is offered", "waiting", "return declined < policy.most", "return true"},
	{"what so many declined is offered to one more", "waiting", "declined < policy.most", "declined <= policy.most"},
	{"who never saw an offer declined it as well", "waiting", "if tonumber(halves) >= 2 then declined", "if true then declined"},
	{"what so many declined is looked at", "waiting", "  if not book.is_offered(i) then return end\n", ""},
	{"somebody is looked for at once for what so many declined", "matching", "if book.queue(i.q).paused or not book.is_offered(i) then return end", "if book.queue(i.q).paused or book.terms(i).pk == '1' then return end"},
	{"who declined is waited for", "waiting", " or book.declines(i.ex, a) > 0 then", " then"},
	{"who is waited for is waited for longer", "waiting", "and until_ms <= book.now)", "and false)"},
	{"nobody is waited for", "waiting", "local where = a and", "local where = false and"},
	{"who is gone is waited for", "agent", "    book.unlist(i)\n    book.line_up(i)\n", ""},
	{"after a vain wait nobody is asked", "tick", "  book.line_up(i)\n  book.match_item(i, false)\n", "  book.line_up(i)\n"},
	{"who is waited for is given too much", "matching", "if book.fits(waited, book.class(i.c)) then", "do"},
	{"who is waited for gets others first", "matching", "local i = book.waited_for(a)", "local i = not book.next_item(a) and book.waited_for(a)"},
	{"a head start holds back", "waiting", "return queued + (1023 - pri)", "return queued - (1023 - pri)"},
	{"a new head start is not heard of", "queue", "if h[3] and h[3] ~= ahead then", "if false then"},
	{"what a queue was like counts for ever", "waiting", "or tonumber(h) <= hour - 9 then", "then"},
	{"a conversation that is over counts for nothing", "capacity", "book.rate(i.q, 'n', 1)", "book.rate(i.q, 'n', 0)"},
	{"an offer that nobody takes counts as one", "capacity", "  if i.st == 'A' or i.st == 'U' then book.rate(", "  if true then book.rate("},
	{"the time that capacity is held begins with the agent's word", "apply", "if kept then i.took = old.took end", "if kept then i.took = book.int(book.now) end"},
	{"who got an agent went without", "waiting", "if not got then book.rate", "if true then book.rate"},
	{"nobody goes without an agent", "waiting", "if not got then book.rate", "if false then book.rate"},
	{"rules get what has gone on", "reserve", "i.rev ~= rev or", ""},
	{"rules get another conversation", "reserve", "or book.conv_of(i) ~= conv", ""},
	{"rules get what waits for somebody", "reserve", " or i.ls ~= 'w:' .. i.q .. ':custom'", ""},
	{"rules get what is paused", "reserve", "if book.queue(i.q).paused then return {'ITEM'} end\n", ""},
	{"rules choose strangers", "reserve", "if redis.call('SISMEMBER', book.members_key(i.q), id) == 0 then return {'AGENT'} end", ""},
	{"rules choose who is not here", "reserve", "not book.letters[a.pres] or", ""},
	{"rules choose by what an agent was", "reserve", "a.v ~= version", "a.v ~= version and false"},
	{"rules choose who is full", "reserve", "if not book.has_room(a, wanted) then return {'FULL'} end", ""},
	{"rules choose an agent without the profile", "reserve", "if not book.limits(a)[p] then return {'FULL'} end", ""},
	{"rules choose who declined for good", "reserve", ">= 2 * policy.enough", ">= 1000"},
	{"an agent has the same version for ever", "capacity", "a.v = book.more(a.v, 1)", ""},
	{"nobody hears of an agent", "capacity", "book.sadd(book.news, 'a:' .. a.id)", ""},
	{"nobody hears of an item", "waiting", "  i.ls = where\n  book.note_item(i)\n", "  i.ls = where\n"},
	{"nobody hears that an item is gone", "waiting", "  book.note_item(i)\n  i.ls = ''", "  i.ls = ''"},
	{"nobody hears that an agent left a queue", "agent", "if s.c == 'custom' then book.note_agent(a) end", ""},
	{"what rules assign is matched without them", "capacity", "return book.queue(q).by == 'custom' and 'custom' or c end", "return c end"},
	{"an item is matched without rules", "matching", "if book.queue(i.q).by == 'custom' then return end", ""},
	{"a queue that changes hands keeps its lists", "queue", "if h[2] == 'custom' or by == 'custom' then", "if false then"},
	{"nobody is looked at after a queue changed hands", "queue", "do book.zadd(book.timers, book.now, 'g:' .. a) end", "do end"},
	{"the counter starts low", "open", "tonumber(ARGV[2]))", "0)"},
	{"a score is not exact", "store", "type(score) == 'string' and score or book.int(score)", "type(score) == 'string' and score or score .. ''"},
	{"what was gathered is read too early", "capacity", "= book.settled(book.ready_key(q, c))", "= book.ready_key(q, c)"},
	{"who has new room is looked for too early", "capacity", "  book.indexed()\n  local key", "  local key"},
	{"whoever has less room stays where they were", "capacity", "less and book.queue(q).by == 'active'", "less"},
	{"whatever else changes when an agent takes something is passed over", "capacity", "  if not less then\n", "  if not less and not book.stale[a] then\n"},
	{"what was read of a list is so for ever", "store", "book.gathered[key], book.found[key] = nil, nil", "book.gathered[key] = nil"},
	{"offers that ended count", "capacity", "  if i.st == 'O' then a.out = book.more(a.out, -1) end\n", ""},
	{"who is waited for no more is counted", "waiting", "    a.wanted = book.more(a.wanted, -1)\n", ""},
	{"an agent lets go of what it holds", "store", "',' .. key .. ',', 1, true)\n  if not from", "key .. ',', 1, true)\n  if not from"},
	{"what a script changed of agents is lost", "save", "if raw ~= book.heard[id] then", "if false then"},
	{"what happened to an item is lost", "save", "or i.ex ~= '' or", "or"},
}

// seeds are the runs that show each fault: rapid's seed by the fault's name.
const seeds = "testdata/planted.txt"

var reseed = flag.Bool("reseed", false, "look longer for planted faults, and write down which runs show them")

// TestModelSeesEveryPlantedFault proves the model test worth having.
// Each fault is shown first of all the run that noticed it when -reseed wrote it
// down, and then others, the same every time: whoever changes the model test so
// that one of the rarer faults slips through learns it at once, and nobody else
// by chance.
func TestModelSeesEveryPlantedFault(t *testing.T) {
	if testing.Short() {
		t.Skip("plants one fault after the other")
	}
	checks := "600"
	if *reseed {
		checks = "20000"
	}
	for name, value := range map[string]string{"rapid.shrinktime": "1ns", "rapid.nofailfile": "true", "rapid.checks": checks, "rapid.steps": "100", "rapid.seed": "4"} {
		was := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
	shown := readSeeds(t)
	t.Cleanup(func() { shown.judge(t) })
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			rdb := keyspacetest.Server(t)
			planted := false
			edit := func(file, lua string) string {
				if file != m.file || !strings.Contains(lua, m.old) {
					return lua
				}
				planted = true
				return strings.Replace(lua, m.old, m.new, 1)
			}
			if _, err := assign.NewBook(rdb, assign.Config{Group: "g", Edit: edit}); err != nil || !planted {
				t.Fatalf("the source has no %q any more (%v)", m.old, err)
			}
			j := caught(t, shown.of(m.name), func(rt *rapid.T) { compare(rt, rdb, edit) })
			if !j.failed.Load() {
				t.Error("nobody noticed; if that is only rare, look longer with -reseed")
				return
			}
			shown.note(t, m.name, j.seed)
		})
	}
}

type showing struct {
	mu    sync.Mutex
	seeds map[string]string
	moved int // faults that another run showed than the one that was written down
}

// judge tells when so many faults must be looked for that it takes minutes.
func (s *showing) judge(t *testing.T) {
	if s.moved > len(mutants)/4 && !*reseed {
		t.Errorf("%d of %d faults were noticed by other runs than %s says, and looking for those takes minutes: write them down anew with -reseed", s.moved, len(mutants), seeds)
	}
}

func readSeeds(t *testing.T) *showing {
	t.Helper()
	s := &showing{seeds: map[string]string{}}
	raw, err := os.ReadFile(seeds)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		seed, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.seeds[name] = seed
	}
	if *reseed {
		t.Cleanup(func() { s.write(t) })
	}
	return s
}

func (s *showing) of(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.seeds[name], "4")
}

func (s *showing) note(t *testing.T, name, seed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seed != s.seeds[name] {
		t.Logf("run %s showed it, and not %s", seed, s.seeds[name])
		s.moved++
	}
	s.seeds[name] = seed
}

func (s *showing) write(t *testing.T) {
	var out strings.Builder
	for _, m := range mutants {
		if s.seeds[m.name] != "" {
			fmt.Fprintf(&out, "%s %s\n", s.seeds[m.name], m.name)
		}
	}
	if err := os.WriteFile(seeds, []byte(out.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// starting keeps checks from starting at once: rapid's seed is a flag of the
// process, read at the start of a check.
var starting sync.Mutex

// caught has rapid look for a run that fails, from a seed on.
func caught(t *testing.T, seed string, prop func(*rapid.T)) *juror {
	j := &juror{TB: t}
	done := make(chan struct{})
	starting.Lock()
	started := sync.OnceFunc(starting.Unlock)
	if err := flag.Set("rapid.seed", seed); err != nil {
		started()
		t.Fatal(err)
	}
	go func() { // ends early by Goexit, as a test that fails does
		defer close(done)
		defer started()
		failed := false
		rapid.Check(j, func(rt *rapid.T) {
			started()
			if failed {
				return // rapid would have the run shown again, made smaller and told
			}
			failed = true
			prop(rt)
			failed = false
		})
	}()
	<-done
	return j
}

// juror is a test that remembers that it failed, and by which run, and tells
// nobody.
type juror struct {
	rapid.TB
	failed atomic.Bool
	seed   string // written by the check's own goroutine
}

var seedTold = regexp.MustCompile(`-rapid\.seed=(\d+)`)

func (j *juror) Errorf(format string, args ...any) {
	j.failed.Store(true)
	if told := seedTold.FindStringSubmatch(fmt.Sprintf(format, args...)); told != nil {
		j.seed = told[1]
	}
}
func (j *juror) Error(...any)          { j.failed.Store(true) }
func (j *juror) Fail()                 { j.failed.Store(true) }
func (j *juror) Failed() bool          { return j.failed.Load() }
func (j *juror) Fatalf(string, ...any) { j.FailNow() }
func (j *juror) Fatal(...any)          { j.FailNow() }
func (j *juror) Logf(string, ...any)   {}
func (j *juror) Log(...any)            {}
func (j *juror) FailNow() {
	j.failed.Store(true)
	runtime.Goexit()
}
