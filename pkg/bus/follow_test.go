package bus_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const victimEnv = "PARLEY_BUS_VICTIM"

// TestMain is also the program of the process that the tests kill: it follows
// THREAD and prints what it handles.
func TestMain(m *testing.M) {
	if urls := strings.Fields(os.Getenv(victimEnv)); len(urls) == 2 {
		if err := beVictim(urls[0], urls[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func beVictim(url, monitor string) error {
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Config{URL: url, MonitorURL: monitor, Instance: "victim", LeaseTTL: time.Second}, bus.Tools{})
	if err != nil {
		return err
	}
	return b.FollowThreads(ctx, "stage", func(_ context.Context, r bus.Record) error {
		fmt.Println(r.Thread.PSID, strings.Join(mids(r.Commit), ","))
		return nil
	})
}

// victim starts a process that follows; line gets what it prints.
func victim(t *testing.T, broker *bustest.Remote, line func(string)) *os.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+broker.URL+" "+broker.Monitor)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			line(s.Text())
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait() // killed: its error says nothing
	})
	return cmd.Process
}

// Whatever a killed process had not handled, another one does, at once.
func TestKilledOwnerLosesNothing(t *testing.T) {
	broker := bustest.Broker(t)
	b := broker.Open(t, "heir")
	var seen tally
	process := victim(t, broker, func(l string) {
		psid, mid, _ := strings.Cut(l, " ")
		seen.add(subject.Thread{Page: customer(0).Page, PSID: psid}, mid)
	})
	const threads, first, second = 12, 5, 10
	for n := range first * threads {
		update(t, b, customer(n%threads), fmt.Sprint(n/threads))
	}
	await(t, "the victim to handle what there is", func() bool { return seen.n() >= first*threads })
	var heir tally
	background(t, func(ctx context.Context) error {
		return b.FollowThreads(ctx, "stage", func(ctx context.Context, r bus.Record) error {
			_ = heir.commit(ctx, r)
			return seen.commit(ctx, r)
		})
	})
	await(t, "the heir to take its half", func() bool {
		update(t, b, customer(99), fmt.Sprint(time.Now()))
		return heir.n() > 0 || seen.n() > first*threads+50
	})
	if err := process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	for n := first * threads; n < (first+second)*threads; n++ {
		update(t, b, customer(n%threads), fmt.Sprint(n/threads))
	}
	complete := func() bool {
		for n := range threads {
			for k := range first + second {
				if !strings.Contains(strings.Trim(seen.of(customer(n)), "[]")+" ", fmt.Sprintf("%d ", k)) {
					return false
				}
			}
		}
		return true
	}
	await(t, "every commit to be handled by somebody", complete)
	if took := time.Since(killed); took > 10*time.Second {
		t.Errorf("taking over took %s", took)
	} else {
		t.Logf("everything handled %s after the kill", took)
	}
	for n := range threads {
		checkAscending(t, heir.of(customer(n)))
	}
}

// checkAscending wants numbers that never go back.
func checkAscending(t *testing.T, list string) {
	t.Helper()
	last := -1
	for _, f := range strings.Fields(strings.Trim(list, "[]")) {
		var n int
		if _, err := fmt.Sscan(f, &n); err != nil || n < last {
			t.Fatalf("order of a thread was %s", list)
		}
		last = n
	}
}

// A process that is frozen and thawed had its partitions taken; what it does
// with them afterwards harms nobody.
func TestFrozenOwnerIsReplaced(t *testing.T) {
	t.Parallel() // it mostly waits
	broker := bustest.Broker(t)
	b := broker.Open(t, "heir")
	var victims, heir tally
	process := victim(t, broker, func(l string) {
		psid, mid, _ := strings.Cut(l, " ")
		victims.add(subject.Thread{Page: customer(0).Page, PSID: psid}, mid)
	})
	for n := range 20 {
		update(t, b, customer(n), "0")
	}
	await(t, "the victim to handle what there is", func() bool { return victims.n() == 20 })
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error { return b.FollowThreads(ctx, "stage", heir.commit) })
	for n := range 20 {
		update(t, b, customer(n), "1")
	}
	await(t, "the heir to have everything", func() bool {
		for n := range 20 {
			if !strings.Contains(heir.of(customer(n)), "1") {
				return false
			}
		}
		return true
	})
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	n := 2
	await(t, "the thawed one to have a share again", func() bool {
		for c := range 20 {
			update(t, b, customer(c), fmt.Sprint(n))
		}
		n++
		return victims.n() >= 60
	})
	for c := range 20 {
		checkAscending(t, heir.of(customer(c)))
	}
}

// Members share the partitions evenly, and a clean end hands over at once and
// repeats nothing.
func TestHandOverIsEvenAndClean(t *testing.T) {
	broker := bustest.Broker(t)
	one, two := broker.Open(t, "one"), broker.Open(t, "two")
	var all, first tally
	var firstParts, secondParts sync.Map
	stop := background(t, func(ctx context.Context) error {
		return one.FollowThreads(ctx, "stage", func(ctx context.Context, r bus.Record) error {
			firstParts.Store(r.Partition, true)
			_ = first.commit(ctx, r)
			return all.commit(ctx, r)
		})
	})
	sent := 0
	send := func() {
		update(t, one, customer(sent%40), fmt.Sprint(sent))
		sent++
	}
	for range 40 {
		send()
	}
	await(t, "the first to handle all", func() bool { return first.n() == 40 })
	if n := one.Members("stage"); n != 1 {
		t.Errorf("one process knows of %d", n)
	}
	background(t, func(ctx context.Context) error {
		return two.FollowThreads(ctx, "stage", func(ctx context.Context, r bus.Record) error {
			secondParts.Store(r.Partition, true)
			return all.commit(ctx, r)
		})
	})
	await(t, "the second to have two partitions", func() bool { send(); return size(&secondParts) == 2 })
	await(t, "both to know that they are two", func() bool { return one.Members("stage") == 2 && two.Members("stage") == 2 })
	stop()
	await(t, "the second to have all partitions", func() bool { send(); return size(&secondParts) == 4 })
	await(t, "the second to know that it is alone", func() bool { return two.Members("stage") == 1 })
	await(t, "everything to be handled", func() bool { return all.n() >= sent })
	if all.n() != sent {
		t.Errorf("%d handled for %d commits: a clean hand-over repeats nothing", all.n(), sent)
	}
	for n := range 40 {
		checkAscending(t, all.of(customer(n)))
	}
}

// Members go on knowing of one another when the broker comes back: who joins
// gets a share, and what one leaves another takes.
func TestSharingOutOutlivesTheBroker(t *testing.T) {
	t.Parallel() // it mostly waits
	broker := bustest.Broker(t)
	var all tally
	follow := func(b *bus.Bus) (stop func()) {
		return background(t, func(ctx context.Context) error { return b.FollowThreads(ctx, "stage", all.commit) })
	}
	know := func(n int, members ...*bus.Bus) {
		t.Helper()
		await(t, fmt.Sprintf("everybody to know that they are %d", n), func() bool {
			return !slices.ContainsFunc(members, func(b *bus.Bus) bool { return b.Members("stage") != n })
		})
	}
	one, two := broker.Open(t, "one"), broker.Open(t, "two")
	stop := follow(one)
	follow(two)
	know(2, one, two)
	for round := range 2 {
		broker.Restart(t)
		three := broker.Open(t, "three")
		leave := follow(three)
		know(3, one, two, three)
		for n := range 40 {
			update(t, one, customer(n), fmt.Sprint(round))
		}
		await(t, "everything to be handled", func() bool { return all.n() >= 40*(round+1) })
		leave()
		know(2, one, two)
	}
	broker.Restart(t)
	stop()
	know(1, two)
	for n := range 40 {
		update(t, two, customer(n), "2")
	}
	await(t, "the rest to be handled", func() bool { return all.n() >= 120 })
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

// What was handled before a restart is not handled again, what was not is.
func TestRestartGoesOnAtTheCheckpoint(t *testing.T) {
	dir := t.TempDir()
	b := openAt(t, dir, 2)
	var before tally
	stop := background(t, func(ctx context.Context) error { return b.FollowThreads(ctx, "stage", before.commit) })
	for n := range 20 {
		update(t, b, customer(n%5), fmt.Sprint(n))
	}
	await(t, "20 commits", func() bool { return before.n() == 20 })
	stop()
	for n := range 10 {
		update(t, b, customer(n%5), fmt.Sprint(20+n))
	}
	closeBus(t, b)
	b = openAt(t, dir, 2)
	defer closeBus(t, b)
	var after tally
	stop = background(t, func(ctx context.Context) error { return b.FollowThreads(ctx, "stage", after.commit) })
	defer stop()
	await(t, "10 commits", func() bool { return after.n() >= 10 })
	for n := range 5 {
		if got, want := after.of(customer(n)), fmt.Sprint([]int{20 + n, 25 + n}); got != want {
			t.Errorf("thread %d after the restart: %s, want %s", n, got, want)
		}
	}
}

// A handler that is still at work when the process stops keeps its record
// unhandled, and what its thread has waiting too.
func TestStopDuringWorkLosesNothing(t *testing.T) {
	dir := t.TempDir()
	b := openAt(t, dir, 1)
	started := make(chan struct{}, 1)
	stop := background(t, func(ctx context.Context) error {
		return b.FollowThreads(ctx, "stage", func(context.Context, bus.Record) error {
			select {
			case started <- struct{}{}:
			default:
			}
			return fault.New(fault.Unavailable, "", "not now")
		})
	})
	for n := range 5 {
		update(t, b, customer(1), fmt.Sprint(n))
	}
	<-started
	stop()
	closeBus(t, b)
	b = openAt(t, dir, 1)
	defer closeBus(t, b)
	var seen tally
	stop = background(t, func(ctx context.Context) error { return b.FollowThreads(ctx, "stage", seen.commit) })
	defer stop()
	await(t, "5 commits", func() bool { return seen.n() == 5 })
	checkAscending(t, seen.of(customer(1)))
}

func deadLetters(t *testing.T, b *bus.Bus) []bus.DeadLetter {
	t.Helper()
	var all []bus.DeadLetter
	for d, err := range b.DeadLetters(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// A record that can never be handled goes to DEADLETTER after some tries, be
// it by error or by panic; its thread goes on and its neighbours do not notice.
func TestPoisonGoesToDeadLetter(t *testing.T) {
	t.Parallel() // it mostly waits
	b := bustest.Open(t)
	var seen tally
	var tries atomic.Int64
	background(t, func(ctx context.Context) error {
		return b.FollowThreads(ctx, "stage", func(ctx context.Context, r bus.Record) error {
			switch mids(r.Commit)[0] {
			case "invalid":
				return fault.New(fault.Invalid, "BAD", "no good")
			case "bug":
				tries.Add(1)
				panic("a bug")
			}
			return seen.commit(ctx, r)
		})
	})
	for _, mid := range []string{"0", "bug", "1", "invalid", "2"} {
		update(t, b, customer(1), mid)
	}
	update(t, b, customer(2), "neighbour")
	await(t, "the others", func() bool { return seen.n() == 4 })
	if got := seen.of(customer(1)); got != "[0 1 2]" {
		t.Errorf("the thread went %s", got)
	}
	letters := deadLetters(t, b)
	if len(letters) != 2 {
		t.Fatalf("%d dead letters, want 2", len(letters))
	}
	newest, oldest := letters[0], letters[1]
	if newest.Reason != "invalid: no good" || newest.Attempts != 1 || newest.Stage != "stage" || newest.Subject != subject.Log(customer(1), 2) {
		t.Errorf("letter of the invalid record: %+v", newest)
	}
	if oldest.Attempts != 5 || tries.Load() != 5 || strings.Contains(oldest.Reason, "a bug") || len(oldest.Data) == 0 {
		t.Errorf("letter of the bug after %d tries: %+v", tries.Load(), oldest)
	}
}

// A thread whose handler hangs never holds up another one, however much waits
// in it.
func TestSlowThreadHoldsUpNobody(t *testing.T) {
	b := bustest.Open(t)
	hang := make(chan struct{})
	var seen tally
	background(t, func(ctx context.Context) error {
		return b.FollowInbound(ctx, "stage", func(_ context.Context, r bus.InboundRecord) error {
			if r.Thread == customer(1) {
				<-hang
			}
			seen.add(r.Thread, string(r.Event.GetRaw()))
			return nil
		})
	})
	const slow, quick = 6000, 50
	var events []*inboundv1.Event
	for n := range slow {
		events = append(events, event(1, fmt.Sprint(n)))
	}
	for n := range quick {
		events = append(events, event(2+n, "0"))
	}
	if err := b.PublishInbound(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	await(t, "the quick ones", func() bool { return seen.n() == quick })
	close(hang)
	await(t, "the slow ones", func() bool { return seen.n() == quick+slow })
	checkAscending(t, seen.of(customer(1)))
}
