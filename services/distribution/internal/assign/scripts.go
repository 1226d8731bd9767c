package assign

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-desk/parley/pkg/keyspace"
)

// source holds one file per transition, and what all of them (history.lua) and
// those on a loaded book (book, store, capacity, readiness, waiting, matching,
// save) share.
//
//go:embed lua
var source embed.FS

// scripts are the transitions. Each is one atomic step.
type scripts struct {
	apply, agent, queue, presence, heartbeat, roster, tick, day      *keyspace.Script
	answer, shown, hold, pick, place, putOff, reserve, pause, forget *keyspace.Script
	begin, steps, fill, open, status                                 *keyspace.Script
}

// Edit changes the Lua of a file before it is used. Tests plant faults with it.
type Edit func(file, lua string) string

func newScripts(cfg Config) (*scripts, error) {
	var faults []error
	read := func(name string) string {
		raw, err := fs.ReadFile(source, "lua/"+name+".lua")
		if err != nil {
			faults = append(faults, fmt.Errorf("lua of %s: %w", name, err))
		}
		if cfg.Edit == nil {
			return string(raw)
		}
		return cfg.Edit(name, string(raw))
	}
	history := read("history")
	policy := fmt.Sprintf("local policy = {enough = %d, most = %d, missed = %t, rejected = %t, lease = %d}",
		cfg.Policy.Declines, cfg.Policy.Decliners, cfg.Policy.Missed, cfg.Policy.Rejected, cfg.Lease.Milliseconds())
	shared := []string{history, policy, ""}
	for _, name := range []string{"book", "store", "capacity", "readiness", "waiting", "matching", "save"} {
		shared = append(shared, read(name))
	}
	shared[2] = roomFor(shared)
	// A step is a function of what it is given, so that one script can take many.
	body := func(name string) string { return "local function step_" + name + "(...)\n" + read(name) + "\nend" }
	script := func(name string, bodies ...string) *keyspace.Script {
		given := ""
		if strings.Contains(read(name), "...") { // those that take any number read it themselves
			given = "unpack(ARGV, 3)"
		}
		last := "local reply = step_" + name + "(" + given + ")\nbook.save()\nreturn reply"
		return keyspace.NewScript(name, slices.Concat(shared, bodies, []string{body(name), last})...)
	}
	step := func(name string) *keyspace.Script { return script(name) }
	alone := func(name string) *keyspace.Script { return keyspace.NewScript(name, history, read(name)) }
	s := &scripts{
		apply: step("apply"), agent: step("agent"), queue: step("queue"),
		presence: step("presence"), heartbeat: step("heartbeat"), tick: step("tick"),
		roster: step("roster"), day: step("day"), shown: step("shown"), pick: step("pick"),
		answer: step("answer"), hold: step("hold"), place: step("place"), putOff: step("put_off"), reserve: step("reserve"), pause: step("pause"), forget: step("forget"),
		steps: script("steps", body("apply")),
		begin: alone("begin"), fill: alone("fill"), open: alone("open"), status: alone("status"),
	}
	return s, errors.Join(faults...)
}

var inBook = regexp.MustCompile(`(?m)^(?:function )?book\.(\w+)`)

// roomFor makes the table that everything shared is in, as big as it will be: to
// let it grow takes longer than to fill it.
func roomFor(shared []string) string {
	var names []string
	for _, name := range inBook.FindAllStringSubmatch(strings.Join(shared, "\n"), -1) {
		names = append(names, name[1]+" = 0")
	}
	slices.Sort(names)
	return "local book = {" + strings.Join(slices.Compact(names), ", ") + "}"
}
