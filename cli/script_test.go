package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// Every secret of the scripts holds this; no output may.
const canary = "canary-5be21f"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"parleyctl": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs every script of testdata against an admin API of its own.
func TestScripts(t *testing.T) {
	sample, err := filepath.Abs("../deploy/sample/house.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs("../docs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			tb, ok := env.T().(testing.TB)
			if !ok {
				t.Fatal("the script has no testing.TB")
			}
			s := admintest.Start(tb)
			env.Values["server"], env.Values["well"] = s, new(atomic.Bool)
			env.Setenv("PARLEY_SERVER", s.Server)
			env.Setenv("SAMPLE", sample)
			env.Setenv("DOCS", docs)
			env.Setenv("CANARY", canary)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"silent": silent,
			"talk":   talk,
			"ail":    ail,
			"heal":   heal,
			"opens":  opens,
			"asks":   asks,
			"big":    big,
			"save":   save,
			"page":   page,
			"tells":  tells,
			"rates":  rates,
			"notes":  notes,

			"distributes": distributes,

			"eventually": eventually,
		},
	})
}

// exits runs a command and compares its exit code: exits 5 parleyctl get queue x.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := "0"
	var failed *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &failed):
		code = strconv.Itoa(failed.ExitCode())
	case err != nil:
		ts.Fatalf("%v", err)
	}
	ts.Logf("[stdout]\n%s[stderr]\n%s", ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// big writes a manifest of so many queues with long names: big 3000 big.yaml.
func big(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: parley.dev/v1\nkind: Queue\nmetadata: {name: q%d, displayName: %s}\n", i, strings.Repeat("x", 400))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

var blocks = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$")

// page writes the files that a document shows: those that begin with their name,
// as in "# some.yaml", and all others that are manifests as the one file that is
// named: page document.md house.yaml.
func page(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: page DOCUMENT FILE")
	}
	var manifests []string
	for _, m := range blocks.FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		first, _, _ := strings.Cut(m[1], "\n")
		if name, named := strings.CutPrefix(first, "# "); named {
			ts.Check(os.WriteFile(ts.MkAbs(name), []byte(m[1]), 0o600))
		} else if strings.HasPrefix(first, "apiVersion:") {
			manifests = append(manifests, m[1])
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(manifests, "---\n")), 0o600))
}

// tells runs a command that a document shows behind "$ ", and compares what it
// prints with what stands below; a line of three dots there is anything:
// tells document.md parleyctl get queues.
func tells(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: tells DOCUMENT COMMAND...")
	}
	ts.Check(ts.Exec(args[1], args[2:]...))
	prompt, said := "$ "+strings.Join(args[1:], " ")+"\n", ts.ReadFile("stdout")
	for _, m := range blocks.FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		shown, ok := strings.CutPrefix(m[1], prompt)
		if !ok {
			continue
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(shown), `\.\.\.`+"\n", `(?s:.*\n)?`)
		if !regexp.MustCompile("^" + quoted + "$").MatchString(said) {
			ts.Fatalf("%s shows\n%s\nbut it says\n%s", args[0], shown, said)
		}
		return
	}
	ts.Fatalf("%s does not show %s", args[0], prompt)
}

// talk lets a customer say "hello there" to the sample page.
func talk(ts *testscript.TestScript, _ bool, _ []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	customer := subject.Thread{Page: "1020304050607080", PSID: "777"}
	_, _, err := s.Bus.Update(context.Background(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{thread.Of(&threadv1.MessageReceived{Mid: "m_1", Text: "hello there", SentMs: 1})}, nil
	})
	ts.Check(err)
}

// ail begins a stage "ward" that gives every commit up, until heal.
func ail(ts *testscript.TestScript, _ bool, _ []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	well, _ := ts.Value("well").(*atomic.Bool)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Bus.FollowThreads(ctx, "ward", func(context.Context, bus.Record) error {
			if well.Load() {
				return nil
			}
			return fault.New(fault.Invalid, "ILL", "it is ill")
		})
	}()
	ts.Defer(func() { cancel(); <-ended })
}

func heal(ts *testscript.TestScript, _ bool, _ []string) {
	well, _ := ts.Value("well").(*atomic.Bool)
	well.Store(true)
}

// save makes a variable of a file of one word: save ID file.
func save(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// eventually runs a command until its output holds a text: eventually TEXT COMMAND...
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	late, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("%s never told %s", args[1:], args[0])
		}
	}
}

// opens lets a customer say something to the sample page, which opens a
// conversation that version 3 routed: opens "my refund, please".
func opens(ts *testscript.TestScript, _ bool, args []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	customer := subject.Thread{Page: "1020304050607080", PSID: "778"}
	_, _, err := s.Bus.Update(context.Background(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{
			thread.Of(&threadv1.MessageReceived{Mid: "m_2", Text: args[0], SentMs: 1}),
			thread.Of(&threadv1.ConversationOpened{Id: "01938f5a-77c1-7000-8000-000000000001", Workstream: "facebook", Units: 1}),
			thread.Of(&threadv1.CustomerProfiled{Name: "Vesela Ivanova", Locale: "bg_BG"}),
			thread.Of(&threadv1.ConversationClassified{Rules: []string{"sort/old"}, Priority: proto.Int32(9), Version: 3}),
			thread.Of(&threadv1.ConversationRouted{Queue: "front", Rule: "workstream facebook", Version: 3, Passed: []string{"vip: closed"}}),
		}, nil
	})
	ts.Check(err)
}

// asks offers the conversation that opens has opened to an agent, who rejects it;
// a supervisor gives it to another.
func asks(ts *testscript.TestScript, _ bool, args []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	customer := subject.Thread{Page: "1020304050607080", PSID: "778"}
	_, _, err := s.Bus.Update(context.Background(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{
			thread.Of(&threadv1.OfferMade{Agent: args[0], Fence: 1, UntilMs: 9, Choice: &threadv1.Choice{
				Class: "1 unit, available or busy, bg >= 3", Method: "active", Ready: 2, First: []string{args[0], "boris"}}}),
			thread.Of(&threadv1.OfferEnded{Fence: 1, Outcome: threadv1.OfferOutcome_OFFER_OUTCOME_REJECTED, Reason: "at lunch"}),
			thread.Of(&threadv1.SkillsChanged{By: "vera", Needed: []*threadv1.Need{{Skill: "bg", Value: 3}}, Dropped: []string{"billing"}}),
			thread.Of(&threadv1.AgentAssigned{Agent: "boris", Cause: threadv1.Cause_CAUSE_ASSIGNED, By: "vera"}),
		}, nil
	})
	ts.Check(err)
}

// distributes has distribution answer why the conversation that opens has opened waits.
func distributes(ts *testscript.TestScript, _ bool, _ []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = bus.Serve(ctx, s.Bus, "distribution.why", func(_ context.Context, r *distributionv1.WhyRequest) (*distributionv1.WhyResponse, error) {
			if r.GetPage() != "1020304050607080" || r.GetPsid() != "778" {
				return &distributionv1.WhyResponse{Standing: "unknown"}, nil
			}
			return &distributionv1.WhyResponse{Standing: "waiting", Queue: "front", Class: "1 unit, available or busy, bg >= 3", Method: "active",
				Members: 5, Ahead: 4, WaitSeconds: 90, Excluded: []*distributionv1.Exclusion{{Reason: "skill", Of: "bg", Agents: 3}, {Reason: "offline", Agents: 2}}}, nil
		})
	}()
	ts.Defer(func() { cancel(); <-ended })
}

// rates has a customer be asked how a conversation was, and answer, if there is an
// answer: rates 7 4 "so so".
func rates(ts *testscript.TestScript, _ bool, args []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	conversation := "c" + args[0]
	facts := []*threadv1.Fact{
		thread.Of(&threadv1.MessageReceived{Mid: "m" + args[0], Text: "hi", SentMs: 1}),
		thread.Of(&threadv1.ConversationOpened{Id: conversation, Workstream: "facebook", Units: 1}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_ASSIGNED}),
		thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}),
		thread.Of(&threadv1.SurveyAsked{Conversation: conversation, Way: threadv1.SurveyWay_SURVEY_WAY_LINK, Lowest: 1, Highest: 5, UntilMs: 1 << 60,
			Workstream: "facebook", Queue: "front", Agent: "mila"}),
	}
	if len(args) > 1 {
		rating, err := strconv.Atoi(args[1])
		ts.Check(err)
		facts = append(facts, thread.Of(&threadv1.SurveyRated{Conversation: conversation, Rating: int32(rating), Comment: args[2], Page: true}))
	}
	_, _, err := s.Bus.Update(context.Background(), subject.Thread{Page: "1020304050607080", PSID: args[0]}, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
	ts.Check(err)
}

// notes notes for a CRM that contacts were made: notes ID...
func notes(ts *testscript.TestScript, _ bool, args []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	for _, id := range args {
		ts.Check(s.Bus.Tell(context.Background(), subject.OfContact(id), &crmv1.Event{Id: "c-" + id, Type: crmv1.EventType_EVENT_TYPE_CONTACT_CREATED, AtMs: 1_790_000_000_000,
			By: "agents/mila", Contact: id, Fields: []string{"name"}}))
	}
}

// silent fails when what the last command said, or the log, holds a secret.
func silent(ts *testscript.TestScript, _ bool, _ []string) {
	s, _ := ts.Value("server").(*admintest.Server)
	for name, text := range map[string]string{"stdout": ts.ReadFile("stdout"), "stderr": ts.ReadFile("stderr"), "log": s.Logs.String()} {
		if strings.Contains(text, canary) {
			ts.Fatalf("%s holds a secret", name)
		}
	}
}
