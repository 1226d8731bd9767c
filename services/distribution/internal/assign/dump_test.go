package assign_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// dump is the whole state of the scripts, spelled as model.dump spells it.
func dump(ctx context.Context, t *rapid.T, rdb redis.UniversalClient, epoch int64) map[string]string {
	out := map[string]string{}
	root := fmt.Sprintf("{g}:%d:", epoch)
	keys, err := rdb.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatalf("keys: %v", err)
	}
	pipe := rdb.Pipeline() // in one go: this is most of what the model test costs
	var spell []func()
	for _, full := range keys {
		key, ours := strings.CutPrefix(full, root)
		switch {
		case full == "{g}:m":
			m := pipe.HGet(ctx, full, "seq")
			spell = append(spell, func() { out["seq"] = m.Val() })
		case !ours:
			t.Fatalf("key %q is none of the book's", full)
		case strings.HasPrefix(key, "q:"), key == "p": // settings and the mirror of what a: says
		default:
			spell = append(spell, spelled(ctx, pipe, full, key, out))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		t.Fatalf("read everything: %v", err)
	}
	for _, s := range spell {
		s()
	}
	return out
}

// spelled queues the reading of one key of the generation; what it returns puts
// the answer into out.
func spelled(ctx context.Context, pipe redis.Pipeliner, full, key string, out map[string]string) func() {
	switch {
	case key == "as", key == "cn", strings.HasPrefix(key, "a:") && strings.HasSuffix(key, ":i"):
		set := pipe.SMembers(ctx, full)
		return func() { out[key] = strings.Join(slices.Sorted(slices.Values(set.Val())), " ") }
	case strings.HasPrefix(key, "a:"):
		hash := pipe.HGetAll(ctx, full)
		return func() { out[key] = agentLine(hash.Val()) }
	case strings.HasPrefix(key, "i:"):
		hash := pipe.HGetAll(ctx, full)
		return func() { out[key] = itemLine(hash.Val()) }
	case key == "out":
		stream := pipe.XRange(ctx, full, "-", "+")
		return func() {
			for _, msg := range stream.Val() {
				v := msg.Values
				out[key] += fmt.Sprintln(v["item"], v["conv"], v["queue"], v["agent"], v["fence"], v["rev"], v["ms"],
					v["class"], v["how"], v["ready"], v["first"], v["rule"], v["bucket"])
			}
		}
	}
	if key == "pl" || strings.HasPrefix(key, "pa:") {
		hash := pipe.HGetAll(ctx, full)
		return func() { out[key] = fmt.Sprint(hash.Val()) }
	}
	list := pipe.ZRangeWithScores(ctx, full, 0, -1)
	return func() {
		for _, z := range list.Val() {
			out[key] += fmt.Sprintf("%v=%.0f ", z.Member, z.Score)
		}
	}
}

func agentLine(h map[string]string) string {
	zero := func(v string) string { return map[bool]string{true: "0"}[v == ""] + v }
	line := fmt.Sprintf("tot %s used %s pres %s was %s since %s src %s st %s la %s lr %s sk %s pl %s", zero(h["tot"]), zero(h["used"]),
		h["pres"], h["was"], zero(h["since"]), h["src"], h["st"], zero(h["la"]), zero(h["lr"]), h["sk"], h["pl"])
	for _, prefix := range []string{"rr:", "p:"} {
		for _, f := range slices.Sorted(maps.Keys(h)) {
			if strings.HasPrefix(f, prefix) {
				line += " " + f + " " + h[f]
			}
		}
	}
	return line + map[bool]string{true: " asked"}[h["dd"] != ""]
}

func itemLine(h map[string]string) string {
	line := fmt.Sprintf("%s rev %s conv %s", h["st"], h["rev"], h["conv"])
	if h["st"] == "X" {
		return line
	}
	line += fmt.Sprintf(" c %s ag %s fe %s end %s ex %s shown %s ls %s", h["c"], h["ag"], h["fe"], h["end"], h["ex"], cmp.Or(h["sh"], "0"), h["ls"])
	if inQueue(assign.Phase(h["st"])) {
		line += " since " + h["since"] + " late " + h["late"] + " pause " + cmp.Or(h["po"], "0")
	}
	if h["st"] == "W" {
		line += " wk " + h["wk"]
	}
	return line
}

func (m *model) dump() map[string]string {
	out := map[string]string{"seq": fmt.Sprint(m.seq)}
	if m.seq == 0 {
		delete(out, "seq")
	}
	set := func(key, v string) {
		if v != "" {
			out[key] = v
		}
	}
	var known []string
	for id, a := range m.agents {
		if a.known {
			known = append(known, id)
		}
		out["a:"+id] = a.line()
		set("wa:"+id, m.spell("wa:"+id))
		set("a:"+id+":i", strings.Join(slices.Sorted(maps.Keys(a.held)), " "))
	}
	slices.Sort(known)
	set("as", strings.Join(known, " "))
	for id, q := range m.queues {
		for name, c := range q.classes {
			var r string
			for _, a := range m.ready(id, c) {
				r += fmt.Sprintf("%s=%d ", a, m.order(id, c, a))
			}
			set("r:"+id+":"+name, r)
			set("w:"+id+":"+name, m.spell("w:"+id+":"+name))
		}
	}
	for _, s := range skillIDs {
		has := map[string]int64{}
		for id, a := range m.agents {
			for _, r := range a.skills {
				if r.Skill == s {
					has[id] = int64(r.Value)
				}
			}
		}
		set("sk:"+s, sorted(has))
	}
	for key, i := range m.items {
		out["i:"+key] = i.line()
	}
	set("t", sorted(m.allTimers()))
	set("cn", strings.Join(slices.Sorted(maps.Keys(m.news)), " "))
	m.dumpQueues(set)
	for _, p := range m.proposals {
		out["out"] += p + "\n"
	}
	return out
}

// spell spells a waiting list.
func (m *model) spell(list string) (out string) {
	for _, i := range m.listed(list) {
		out += fmt.Sprintf("%s=%d ", i.wk, m.score(i))
	}
	return out
}

// sorted spells what a sorted set holds.
func sorted(scores map[string]int64) string {
	var out string
	members := slices.SortedFunc(maps.Keys(scores), func(x, y string) int {
		return cmp.Or(cmp.Compare(scores[x], scores[y]), cmp.Compare(x, y))
	})
	for _, member := range members {
		out += fmt.Sprintf("%s=%d ", member, scores[member])
	}
	return out
}

func (i *item) line() string {
	line := fmt.Sprintf("%s rev %d conv %s", i.Phase, i.Revision, i.Conversation)
	if i.Phase == assign.Done {
		return line
	}
	var ex []string
	for _, d := range i.declines {
		ex = append(ex, fmt.Sprintf("%s:%d", d.agent, d.n))
	}
	line += fmt.Sprintf(" c %s ag %s fe %d end %s ex %s shown %d ls %s", i.Class, i.Agent, i.Fence, i.mark, strings.Join(ex, ","), i.shown, i.list)
	if inQueue(i.Phase) {
		line += fmt.Sprintf(" since %d late %s pause %d", i.SinceMS, i.late, i.pause)
	}
	if i.Phase == assign.Waiting {
		line += " wk " + i.wk
	}
	return line
}
