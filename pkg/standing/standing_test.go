package standing_test

import (
	"context"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/standing"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

func TestTheNewerWordCounts(t *testing.T) {
	used := func(basis string, at int64, code int32) *provisionv1.TokenUsed {
		return &provisionv1.TokenUsed{Basis: basis, AtMs: at, Code: code}
	}
	checked := func(basis string, heard int64, dead bool) *provisionv1.Standing {
		return &provisionv1.Standing{Basis: basis, HeardMs: heard, Disconnected: dead}
	}
	for name, c := range map[string]struct {
		used    *provisionv1.TokenUsed
		checked *provisionv1.Standing
		want    standing.Standing
	}{
		"nobody said anything":               {nil, nil, standing.Works},
		"refused":                            {used("now", 1, 190), nil, standing.Dead},
		"refused after the checks":           {used("now", 2, 190), checked("now", 1, false), standing.Dead},
		"the checks agree":                   {used("now", 2, 190), checked("now", 2, true), standing.Dead},
		"the checks disagree":                {used("now", 2, 190), checked("now", 2, false), standing.Doubtful},
		"taken after the checks":             {used("now", 3, 0), checked("now", 2, true), standing.Works},
		"the checks know better":             {used("now", 3, 0), checked("now", 3, true), standing.Dead},
		"the checks alone":                   {nil, checked("now", 0, true), standing.Dead},
		"a new token, the old one was dead":  {used("old", 1, 190), checked("old", 1, true), standing.Doubtful},
		"a new token, outbound spoke last":   {used("old", 1, 190), nil, standing.Doubtful},
		"a new token, the checks spoke last": {nil, checked("old", 0, true), standing.Doubtful},
		"a new token, the old one worked":    {used("old", 1, 0), checked("old", 1, false), standing.Works},
		"the checks like the new token":      {used("old", 1, 190), checked("now", 0, false), standing.Works},
		"a message left with the new token":  {used("now", 2, 0), checked("old", 1, true), standing.Works},
		"the new token is dead as well":      {used("old", 1, 190), checked("now", 0, true), standing.Dead},
	} {
		t.Run(name, func(t *testing.T) {
			if got := standing.Of("now", c.used, c.checked); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// A page never works by a word about another set-up, and never is dead by one.
func TestWordsAboutAnotherSetUpProveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		basis := rapid.SampledFrom([]string{"old", "older"})
		used := &provisionv1.TokenUsed{Basis: basis.Draw(t, "used"), AtMs: rapid.Int64Range(0, 3).Draw(t, "at"), Code: rapid.SampledFrom([]int32{0, 102, 190}).Draw(t, "code")}
		checked := &provisionv1.Standing{Basis: basis.Draw(t, "checked"), HeardMs: rapid.Int64Range(0, 3).Draw(t, "heard"), Disconnected: rapid.Bool().Draw(t, "dead")}
		want := standing.Works
		if used.GetCode() != 0 || checked.GetDisconnected() {
			want = standing.Doubtful
		}
		if got := standing.Of("now", used, checked); got != want {
			t.Fatalf("%v and %v give %d, want %d", used, checked, got, want)
		}
	})
}

// feed is a PROVISION that the test writes.
type feed struct{ entries chan bus.Entry }

func (f feed) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	ready()
	for {
		select {
		case e := <-f.entries:
			handle(e)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestABoardFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := directory.NewSnapshot(
			&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppId: "42"},
			&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "1", Account: "demo", AccessToken: &configv1.Secret{Fingerprint: "f"}})
		f := feed{make(chan bus.Entry)}
		b := standing.New(f, directory.Fixed(world))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		if err := b.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		expect := func(want standing.Standing) {
			t.Helper()
			synctest.Wait()
			if _, got := b.Of("1"); got != want {
				t.Errorf("it is %d, want %d", got, want)
			}
		}
		expect(standing.Works)
		basis, _ := b.Of("1")
		changed := b.Changed()
		value, err := proto.Marshal(&provisionv1.TokenUsed{Basis: basis, AtMs: 1, Code: 190})
		if err != nil {
			t.Fatal(err)
		}
		f.entries <- bus.Entry{Key: subject.TokenKey("1"), Value: value}
		<-changed
		expect(standing.Dead)
		f.entries <- bus.Entry{Key: subject.TokenKey("1")}
		expect(standing.Works)

		value, err = proto.Marshal(&provisionv1.Standing{Basis: basis, Disconnected: true})
		if err != nil {
			t.Fatal(err)
		}
		f.entries <- bus.Entry{Key: subject.StandingKey("1"), Value: value}
		expect(standing.Dead)
		f.entries <- bus.Entry{Key: subject.StandingKey("1"), Value: []byte("damaged\xff")}
		expect(standing.Works)
		f.entries <- bus.Entry{Key: "no key"}
		changed = b.Changed()
		f.entries <- bus.Entry{Key: subject.EventsKey("1"), Value: value}
		synctest.Wait()
		select {
		case <-changed:
			t.Error("an event of the page is no word about its token")
		default:
		}
		b.Learn("1", &provisionv1.TokenUsed{Basis: basis, AtMs: 2, Code: 102})
		expect(standing.Dead)
		if basis, got := b.Of("2"); basis != "" || got != standing.Works {
			t.Errorf("a page that nobody set up: %q, %d", basis, got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
