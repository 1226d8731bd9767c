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
		case strings.HasPrefix(key, "q:"), strings.HasPrefix(key, "s:"), key == "p": // settings and the mirror of what a: says
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
	case key == "as", key == "cn":
		set := pipe.SMembers(ctx, full)
		return func() { out[key] = strings.Join(slices.Sorted(slices.Values(set.Val())), " ") }
	case strings.HasPrefix(key, "a:"):
		kept, id := pipe.Get(ctx, full), strings.TrimPrefix(key, "a:")
		set := pipe.HMGet(ctx, strings.TrimSuffix(full, key)+"s:"+id, "sk")
		return func() { agentLine(id, kept.Val(), set.Val(), out) }
	case strings.HasPrefix(key, "i:"):
		kept := pipe.Get(ctx, full)
		return func() { out[key] = itemLine(strings.TrimPrefix(key, "i:"), kept.Val()) }
	case key == "out":
		stream := pipe.XRange(ctx, full, "-", "+")
		return func() {
			for _, msg := range stream.Val() {
				rule, _ := msg.Values["rule"].(string) // of those that rules chose
				bucket, _ := msg.Values["bucket"].(string)
				out[key] += fmt.Sprintln(strings.ReplaceAll(fmt.Sprint(msg.Values["is"]), "|", " "), rule, bucket)
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

// agentLine spells an agent, and apart from it what it holds. Its parts are in the
// order in which store.lua names them.
func agentLine(id, kept string, set []any, out map[string]string) {
	zero := func(v string) string { return map[bool]string{true: "0"}[v == ""] + v }
	d := strings.SplitN(kept, "|", 14)
	more := strings.SplitN(d[13]+strings.Repeat(";", 4), ";", 5)
	said := func(v any) string { return strings.TrimPrefix(fmt.Sprint(v), "<nil>") }
	line := fmt.Sprintf("tot %s used %s pres %s was %s since %s src %s st %s la %s lr %s sk %s pl %s", d[11], d[5],
		d[0], d[1], zero(d[2]), d[3], d[4], d[7], d[8], said(set[0]), strings.TrimRight(more[4], ";"))
	for n, prefix := range []string{"rr:", "p:"} {
		names := strings.FieldsFunc([]string{d[10], more[3]}[n], func(r rune) bool { return r == ',' })
		for _, f := range slices.Sorted(slices.Values(names)) {
			line += " " + prefix + strings.ReplaceAll(f, ":", " ")
		}
	}
	line += map[bool]string{true: " asked"}[more[1] != ""]
	out["a:"+id] = line + fmt.Sprintf(" offered %s wanted %s", d[6], zero(more[2]))
	if held := strings.FieldsFunc(d[9], func(r rune) bool { return r == ',' }); len(held) > 0 {
		out["a:"+id+":i"] = strings.Join(slices.Sorted(slices.Values(held)), " ")
	}
}

// itemLine spells an item.
func itemLine(key, kept string) string {
	p := strings.SplitN(kept, "|", 17)
	line := fmt.Sprintf("%s rev %s conv %s", p[1], p[0], p[9])
	if p[1] == "X" {
		return line
	}
	story := strings.SplitN(p[8]+strings.Repeat(";", 5), ";", 6)
	line += fmt.Sprintf(" c %s ag %s fe %s end %s ex %s shown %s ls %s", p[5], p[2], p[3], story[2], story[4],
		cmp.Or(story[3], "0"), p[7])
	if inQueue(assign.Phase(p[1])) {
		line += " since " + p[11] + " late " + story[0] + " pause " + cmp.Or(story[1], "0")
	}
	if holds(assign.Phase(p[1])) {
		line += " took " + strings.TrimRight(story[5], ";")
	}
	if p[1] == "W" {
		line += fmt.Sprintf(" wk %016s:%s", p[6], key)
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
		offered := 0
		for key := range a.held {
			if m.items[key].Phase == assign.Offered {
				offered++
			}
		}
		out["a:"+id] = a.line() + fmt.Sprintf(" offered %d wanted %d", offered, len(m.listed("wa:"+id)))
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
	if holds(i.Phase) {
		line += fmt.Sprint(" took ", i.took)
	}
	if i.Phase == assign.Waiting {
		line += " wk " + i.wk
	}
	return line
}
