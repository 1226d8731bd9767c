package assign

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/parley-desk/parley/pkg/keyspace"
)

// source holds one file per transition, and what all of them (history.lua) and
// those on a loaded book (book, capacity, readiness, waiting, matching) share.
//
//go:embed lua
var source embed.FS

// scripts are the transitions. Each is one atomic step.
type scripts struct {
	apply, agent, queue, presence, heartbeat, roster, tick, day *keyspace.Script
	answer, shown, hold, pick, place, putOff, reserve, pause    *keyspace.Script
	begin, load, index, open, status                            *keyspace.Script
}

// Edit changes the Lua of a file before it is used. Tests plant faults with it.
type Edit func(file, lua string) string

func newScripts(p Policy, edit Edit) (*scripts, error) {
	var faults []error
	read := func(name string) string {
		raw, err := fs.ReadFile(source, "lua/"+name+".lua")
		if err != nil {
			faults = append(faults, fmt.Errorf("lua of %s: %w", name, err))
		}
		if edit == nil {
			return string(raw)
		}
		return edit(name, string(raw))
	}
	history := read("history")
	policy := fmt.Sprintf("local policy = {enough = %d, missed = %t, rejected = %t}", p.Declines, p.Missed, p.Rejected)
	shared := []string{history, policy, read("book"), read("capacity"), read("readiness"), read("waiting"), read("matching")}
	step := func(name string) *keyspace.Script {
		return keyspace.NewScript(name, append(slices.Clone(shared), read(name))...)
	}
	alone := func(name string) *keyspace.Script { return keyspace.NewScript(name, history, read(name)) }
	// The bodies of two steps become functions of what a load gives them.
	body := func(name string) string { return "local function " + name + "(ARGV)\n" + read(name) + "\nend" }
	s := &scripts{
		apply: step("apply"), agent: step("agent"), queue: step("queue"),
		presence: step("presence"), heartbeat: step("heartbeat"), tick: step("tick"),
		roster: step("roster"), day: step("day"), shown: step("shown"), pick: step("pick"),
		answer: step("answer"), hold: step("hold"), place: step("place"), putOff: step("put_off"), reserve: step("reserve"), pause: step("pause"),
		load:  keyspace.NewScript("load", append(slices.Clone(shared), body("agent"), body("apply"), read("load"))...),
		index: step("index"),
		begin: alone("begin"), open: alone("open"), status: alone("status"),
	}
	return s, errors.Join(faults...)
}
