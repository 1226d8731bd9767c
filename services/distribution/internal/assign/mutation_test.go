package assign_test

import (
	"flag"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
)

// mutants are faults that a careless edit could make; the model test must see
// every one of them.
var mutants = []struct{ name, file, old, new string }{
	{"older revisions change the item", "apply", "rev <= tonumber(old.rev)", "rev < 0"},
	{"an offer is kept under another fence", "apply", "old.fe == fe) or", "true) or"},
	{"the fence of an accepted offer is not looked at", "apply", "(old.st ~= 'O' or old.fe == fe)", "true"},
	{"a refused offer keeps its units", "apply", "(old.st == 'O' or old.st == 'R')", "old.st == 'R'"},
	{"a refused offer ends another", "apply", "here and given_up == old.fe", "here and given_up ~= ''"},
	{"a late answer ends an offer", "apply", "rev == tonumber(old.rev) and (", "("},
	{"the counter stays below a fence of the log", "apply", "if highest > num(", "if highest < 0 * num("},
	{"freed units are not given back", "apply", "  give_back(freed, item, old.u)", "  redis.call('SREM', items_key(freed), item)"},
	{"declining never ends", "book", "local enough = 3", "local enough = 1000"},
	{"an agent is given what it declined for good", "book", "if c.d < enough then", "if c.d < 1000 then"},
	{"declines outlive an assignment", "apply", "st == 'A' or st == 'U' or", ""},
	{"declines outlive a queue", "apply", " or (st == 'W' and old.queued ~= ARGV[11])", ""},
	{"declines are forgotten", "apply", "decline(item, freed)", "local _ = item"},
	{"a missed offer leaves the agent available", "apply", "'INACTIVE'", "'AVAILABLE'"},
	{"a stale offer is queued", "apply", "'st', 'S'", "'st', 'W'"},
	{"freed capacity does not match", "apply", "if freed then match_agent(freed) end", ""},
	{"wrap-up past its end takes capacity", "apply", "due > 0 and due <= now", "due > 0 and due < 0"},
	{"priority is ignored", "book", "(1023 - num(h[3]))", "(1023 - 0 * num(h[3]))"},
	{"a score goes through a string", "book", "* 8796093022208 + num(h[4]), h[5])", "* 8796093022208 + num(h[4]) .. '', h[5])"},
	{"presence is ignored", "book", "if here and free", "if free"},
	{"an agent takes one unit too many", "book", "free >= tonumber(u) then", "free + 1 >= tonumber(u) then"},
	{"the ready list is not renewed when units are taken", "book", "redis.call('SADD', items_key(a), item)\n  reindex(a)", "redis.call('SADD', items_key(a), item)"},
	{"an offered item stays in its list", "book", "  redis.call('ZREM', waiting_key(h[1], h[2]), h[3])\n", ""},
	{"highest capacity means lowest", "book", "(8191 - math.min(free, 8191))", "math.min(free, 8191)"},
	{"queue priority is turned round", "book", "pri = -num(pri)", "pri = num(pri)"},
	{"declines do not count for the agent", "book", "if c.d == 0 or seen == glance then return best end", "do return best end"},
	{"offline keeps offers", "presence", "  revoke_offers(a)\n", ""},
	{"offline for silence keeps offers", "tick", "    revoke_offers(a)\n", ""},
	{"a timer fires once", "tick", "redis.call('ZADD', timers, now + retry, member)\n  ask('END'", "redis.call('ZREM', timers, member)\n  ask('END'"},
	{"wrap-up never ends", "tick", "  give_back(h[2], item, h[3])\n", ""},
	{"any fence may be answered", "answer", "or h[2] ~= fence", ""},
	{"a hold takes nothing", "hold", "take(a, item, u)", "reindex(a)"},
	{"the book of another history is believed", "history", "known[3] ~= here", "false"},
	{"who left a queue is counted", "book", "  redis.call('ZREM', inside_key(q), item)\n", ""},
	{"who is offered is not counted", "book", "{W = true, O = true, S", "{W = true, S"},
	{"who came is counted twice", "apply", "if st ~= 'X' or q ~= '' then drop_place(item, conv) end\n", ""},
	{"a word of the customer gives the place up", "apply", "if st ~= 'X' or q ~= '' then drop", "do drop"},
	{"an earlier conversation takes the place up", "book", "if not q or (conv and whose ~= conv)", "if not q"},
	{"who asks again has two places", "place", "then drop_place(item) end\n", "then end\n"},
	{"who looks keeps a place", "place", "if ttl > 0 and place", "if place"},
	{"a place is kept too long", "place", "'(' .. ARGV[2]", "'-inf'"},
	{"a place is kept for ever", "tick", "  drop_place(item)\n", ""},
	{"a full queue has room", "place", "count < limit", "count <= limit"},
	{"a queue without a limit has none", "place", "limit == 0 or ", ""},
	{"who is in a queue counts against itself", "place", "count = count - 1", "count = count - 0"},
	{"who is late is offered", "tick", "  redis.call('ZREM', waiting_key(q, h[2]), h[3])\n", ""},
	{"who is late is asked out once", "tick", "  redis.call('ZADD', timers, now + retry, 'x:' .. item)\n", ""},
	{"who is late is asked out of an offer", "tick", "if h[1] ~= 'W' then return redis", "if h[1] == 'X' then return redis"},
	{"who is late is forgotten in an offer", "apply", "if late and old.st ~= 'W' then", "if false then"},
	{"who is late is offered anew", "apply", "local late = stays and old.late == '1'", "local late = false"},
	{"who comes late waits", "apply", "wait > 0 and since + wait <= now", "false"},
	{"every offer begins another wait", "apply", "and old.since == since", "and old.st == st and old.since == since"},
	{"a wait goes on in another queue", "apply", "and old.q == q and old.since", "and old.since"},
	{"a wait goes on after an agent", "apply", " and old.since == since", ""},
	{"a rule about waiting is not heard of", "queue", "watch_waits(q)\n", ""},
	{"who is put off asks as often as before", "put_off", "2 * math.max(num(h[5]), retry)", "2 * retry"},
	{"who is put off asks ever less", "put_off", "now + math.min(pause, longest)", "now + pause"},
	{"who is put off is offered to nobody", "put_off", "  line_up(item)\n", ""},
	{"another stay is put off", "put_off", " or h[3] ~= since", ""},
	{"the counter starts low", "open", "tonumber(ARGV[2]))", "0)"},
}

// TestModelSeesEveryPlantedFault proves the model test worth having.
func TestModelSeesEveryPlantedFault(t *testing.T) {
	if testing.Short() {
		t.Skip("plants one fault after the other")
	}
	for name, value := range map[string]string{"rapid.shrinktime": "1ns", "rapid.nofailfile": "true", "rapid.checks": "300", "rapid.steps": "100"} {
		was := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
	rdb := keyspacetest.Server(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			planted := false
			edit := func(file, lua string) string {
				if file != m.file || !strings.Contains(lua, m.old) {
					return lua
				}
				planted = true
				return strings.Replace(lua, m.old, m.new, 1)
			}
			noticed := caught(t, func(rt *rapid.T) { compare(rt, rdb, edit) })
			if !planted {
				t.Fatalf("the source has no %q any more", m.old)
			}
			if !noticed {
				t.Error("nobody noticed")
			}
		})
	}
}

// caught tells whether rapid finds a run that fails.
func caught(t *testing.T, prop func(*rapid.T)) bool {
	j := &juror{TB: t}
	done := make(chan struct{})
	go func() { // ends early by Goexit, as a test that fails does
		defer close(done)
		rapid.Check(j, prop)
	}()
	<-done
	return j.failed.Load()
}

// juror is a test that remembers that it failed and tells nobody.
type juror struct {
	rapid.TB
	failed atomic.Bool
}

func (j *juror) Errorf(string, ...any) { j.failed.Store(true) }
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
