package assign

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Standings of an item, for people.
const (
	StandsUnknown = "unknown" // not distribution's
	StandsWaiting = "waiting"
	StandsOffered = "offered"
	StandsPicked  = "picked" // an agent is about to have it
	StandsHeld    = "held"   // by an agent
	StandsLate    = "late"   // waited too long; about to leave its queue
)

// Reasons why a member of a queue does not get an item, in the order in which
// they are looked at.
const (
	NotSignedIn  = "offline"
	NotReady     = "presence" // of what: the presence
	NotSkilled   = "skill"    // of what: the skill
	NotInProfile = "profile"  // does not hold it, or has no room in it; of what: the profile
	Blocked      = "blocked"  // a blocking profile is at its limit; of what: the profile
	NoUnits      = "units"
	Declined     = "declined" // too often
	// Of those who could take it, and do not.
	Reserved   = "reserved"    // the item waits for another agent
	TurnedDown = "turned_down" // so many agents declined the item that it is offered to nobody
)

// Why is how the book sees an item.
type Why struct {
	Standing string
	Queue    string
	Class    string // for people
	Method   string
	Paused   Pause  // of the queue
	Agent    string // who is offered it, has it, or is waited for
	Members  int32
	Excluded []Exclusion
	Ready    int32         // members who could take it
	Ahead    int32         // of the queue, who come before it
	Wait     time.Duration // as in Position
}

// Exclusion is a reason and how many members of the queue it is the first for.
type Exclusion struct {
	Reason, Of string
	Agents     int32
}

// members is how many agents are read at once.
const members = 1000

// Why tells how the book sees an item now. It reads what it needs in several
// steps, so that no script blocks the book for a queue of thousands; what moves
// meanwhile may be told as it was.
func (b *Book) Why(ctx context.Context, now time.Time, item string) (Why, error) {
	l, err := b.lines(ctx, now)
	if err != nil {
		return Why{}, err
	}
	w := why{lines: l, enough: 2 * int64(b.cfg.Policy.Declines), item: item}
	return w.tell(ctx)
}

type why struct {
	*lines
	enough int64
	item   string
	record record
	class  Class
}

func (w *why) tell(ctx context.Context) (Why, error) {
	raw, err := w.rdb.Get(ctx, w.root+"i:"+w.item).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Why{}, away(err, "read an item")
	}
	w.record = parseRecord(raw)
	out := Why{Standing: standsAs(w.record.phase, w.record.late), Queue: w.record.queue, Agent: w.record.agent, Wait: -1}
	if Phase(w.record.phase) == Waiting {
		out.Agent = waitedFor(w.record.list)
	}
	if out.Standing == StandsUnknown {
		return Why{Standing: out.Standing, Wait: -1}, nil
	}
	out.Class = Describe(w.record.class)
	if out.Standing != StandsWaiting && out.Standing != StandsLate {
		return out, nil
	}
	set, err := w.rdb.HMGet(ctx, w.root+"q:"+out.Queue, "by", "ps").Result()
	if err != nil {
		return Why{}, away(err, "read a queue")
	}
	out.Method, out.Paused = text(set, 0), ParsePause(text(set, 1))
	w.class, _ = parseClass(w.record.class)
	if out.Method == string(Custom) { // what else there is to it, rules know
		out.Class, w.class = DescribeBare(w.record.class), bare(w.class)
	}
	if err := w.judge(ctx, &out); err != nil {
		return Why{}, err
	}
	at, err := w.lines.positions(ctx, []string{w.item})
	if err != nil {
		return Why{}, err
	}
	out.Ahead, out.Wait = at[0].Ahead, at[0].Wait
	return out, nil
}

// judge says of every member of the queue why it does not get the item.
func (w *why) judge(ctx context.Context, out *Why) error {
	ids, err := w.rdb.SMembers(ctx, w.root+"q:"+out.Queue+":a").Result()
	if err != nil {
		return away(err, "read the members of a queue")
	}
	out.Members = int32(len(ids))
	count := map[Exclusion]int32{}
	for part := range slices.Chunk(ids, members) {
		pipe := w.rdb.Pipeline()
		var kept []*redis.StringCmd
		var skills []*redis.StringCmd
		for _, id := range part {
			kept = append(kept, pipe.Get(ctx, w.root+"a:"+id))
			skills = append(skills, pipe.HGet(ctx, w.root+"s:"+id, "sk"))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return away(err, "read agents")
		}
		for n, id := range part {
			e := excluded(parseDoings(kept[n].Val()), skills[n].Val(), w.class)
			if e == (Exclusion{}) && declinedBy(w.record.declines, id) >= w.enough {
				e.Reason = Declined
			}
			if e == (Exclusion{}) {
				out.Ready++
				switch {
				case w.turnedDown(w.record):
					e.Reason = TurnedDown
				case out.Agent != "" && out.Agent != id:
					e.Reason = Reserved
				}
			}
			if e != (Exclusion{}) {
				count[e]++
			}
		}
	}
	for e, n := range count {
		e.Agents = n
		out.Excluded = append(out.Excluded, e)
	}
	slices.SortFunc(out.Excluded, func(x, y Exclusion) int {
		return cmp.Or(int(y.Agents-x.Agents), strings.Compare(x.Reason, y.Reason), strings.Compare(x.Of, y.Of))
	})
	return nil
}

// excluded tells why an agent of these doings and skills could not be given an item of the
// class, none when it could: what the scripts decide by, said in words.
func excluded(d doings, skills string, class Class) Exclusion {
	profiles, blocked := parseLimits(d)
	skill := unskilled(skills, class)
	l := letterOf(d.presence)
	switch {
	case d.presence == "" || d.presence == "OFFLINE":
		return Exclusion{Reason: NotSignedIn}
	case l == "" || !strings.Contains(class.Presences, l):
		return Exclusion{Reason: NotReady, Of: d.presence}
	case skill != "":
		return Exclusion{Reason: NotSkilled, Of: skill}
	case blocked != "":
		return Exclusion{Reason: Blocked, Of: blocked}
	}
	for _, p := range class.Profiles {
		if left, held := profiles[p]; !held || left <= 0 {
			return Exclusion{Reason: NotInProfile, Of: p}
		}
	}
	if class.Units > 0 && integer(d.units)-integer(d.used) < int64(class.Units) {
		return Exclusion{Reason: NoUnits}
	}
	return Exclusion{}
}

// parseLimits gives what is left in each profile that the agent holds, and one
// at its limit that blocks.
func parseLimits(d doings) (left map[string]int64, blocked string) {
	left = map[string]int64{}
	for l := range strings.SplitSeq(d.limits, "+") {
		if part := strings.Split(l, "."); len(part) == 3 {
			left[part[0]] = integer(part[1]) - named(d.counts, part[0])
			if left[part[0]] <= 0 && strings.Contains(part[2], "b") {
				blocked = part[0]
			}
		}
	}
	return left, blocked
}

// unskilled is a skill of the class that the agent does not have well enough.
func unskilled(skills string, class Class) string {
	if class.Closest {
		return ""
	}
	has := map[string]int64{}
	for s := range strings.SplitSeq(skills, "+") {
		if part := strings.Split(s, "."); len(part) == 3 {
			has[part[0]] = integer(part[1])
		}
	}
	for _, need := range class.Skills {
		if v, ok := has[need.Skill]; !ok || v < int64(need.Value) {
			return need.Skill
		}
	}
	return ""
}

func letterOf(presence string) string {
	for p, l := range letters {
		if strings.TrimPrefix(p.String(), "PRESENCE_") == presence {
			return l
		}
	}
	return ""
}

func declinedBy(ex, agent string) int64 {
	for d := range strings.SplitSeq(ex, ",") {
		if name, n, _ := strings.Cut(d, ":"); name == agent {
			return integer(n)
		}
	}
	return 0
}
