package drive_test

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// store has every file; each holds its own key, and "gone" is not there.
type store struct{ files.Store }

func (store) Open(_ context.Context, o files.Object) io.ReadSeeker {
	if o.Key == "gone" {
		return lost{}
	}
	return strings.NewReader(o.Key)
}

type lost struct{ io.Seeker }

func (lost) Read([]byte) (int, error) {
	return 0, fault.New(fault.NotFound, "FILE_SHORT", "it is not there")
}

func file(name string) *threadv1.SentFile {
	return &threadv1.SentFile{Object: name, Kind: "image", ContentType: "image/png", Size: int64(len(name)), Sha256: name, Name: name + ".png"}
}

// sends is an agent's message of files, and of a text behind them.
func sends(id, text string, all ...*threadv1.SentFile) *threadv1.Fact {
	r := &threadv1.SendRequested{Id: id, ClientId: id, Agent: "mila", Human: true, Files: all, ReplyTo: "m_in"}
	for _, f := range all {
		r.Parts = append(r.Parts, f.GetName())
	}
	if text != "" {
		r.Parts = append(r.Parts, text)
	}
	return thread.Of(r)
}

func taken(n int, f graph.File) (string, graph.Outcome) {
	return "a_" + strconv.Itoa(n), graph.Outcome{Class: graph.Sent}
}

func delivered(n int, _ graph.Message) graph.Outcome { return sent("m_" + strconv.Itoa(n)) }

// Files go before the text, each by the id that Meta gave for it, and a file that
// Meta has is not uploaded again.
func TestFilesAreUploadedOnceAndSentById(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(append(asked(), sends("s1", "Two pictures", file("cat"), file("dog")), sends("s2", "", file("cat")))...)
		meta := &meta{answer: delivered, upload: taken}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Minute)
		stop()
		if !slices.Equal(meta.taken, []string{"cat", "dog"}) {
			t.Errorf("uploaded %q", meta.taken)
		}
		var said []string
		for _, m := range meta.posts {
			said = append(said, m.Text+m.Media.Kind+m.Media.ID+m.ReplyTo)
		}
		if want := []string{"imagea_1m_in", "imagea_2", "Two pictures", "imagea_1m_in"}; !slices.Equal(said, want) {
			t.Errorf("posted %q, want %q", said, want)
		}
		if got := log.state.GetPreview(); got != "[image]" {
			t.Errorf("the list shows %q", got)
		}
	})
}

// Meta takes ten calls with files of a page in a second: uploads count, and so do
// the messages that show what was uploaded.
func TestFilesKeepToTheirPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		var all []*threadv1.SentFile
		for n := range 12 {
			all = append(all, file(strconv.Itoa(n)))
		}
		log := newMemory(append(asked(), sends("s1", "", all...))...)
		var at []time.Time
		meta := &meta{answer: func(n int, m graph.Message) graph.Outcome { at = append(at, time.Now()); return delivered(n, m) },
			upload: func(n int, f graph.File) (string, graph.Outcome) { at = append(at, time.Now()); return taken(n, f) }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Minute)
		stop()
		if len(at) != 2*len(all) {
			t.Fatalf("%d calls, want %d", len(at), 2*len(all))
		}
		for i := 10; i < len(at); i++ {
			if took := at[i].Sub(at[i-10]); took < time.Second {
				t.Errorf("calls %d to %d came within %v", i-10, i, took)
			}
		}
	})
}

// A process that dies between upload and send leaves the file with Meta: the next
// sends it once and uploads nothing.
func TestAProcessThatDiesBetweenUploadAndSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
		log := newMemory(append(asked(), sends("s1", "", file("cat")))...)
		dead := false
		log.before = func([]*threadv1.Fact) error {
			if dead {
				return nil
			}
			return unavailable() // the attempt is never stored
		}
		meta := &meta{answer: delivered, upload: taken}
		stop := processWith(t, log, meta, connected(t, box), box, notes)
		time.Sleep(10 * time.Second)
		stop()
		if len(meta.taken) != 1 || len(meta.posts) != 0 {
			t.Fatalf("before the end %d uploads, %d posts", len(meta.taken), len(meta.posts))
		}
		dead = true
		stop = processWith(t, log, meta, connected(t, box), box, notes)
		time.Sleep(10 * time.Second)
		stop()
		if len(meta.taken) != 1 || len(meta.posts) != 1 {
			t.Errorf("%d uploads and %d posts, want one each", len(meta.taken), len(meta.posts))
		}
		expect(t, log, "attempted", "succeeded answer")
	})
}

// What keeps Meta from taking a file is no attempt of the message; what Meta never
// takes is told, and texts go on (S30).
func TestUploadsThatFail(t *testing.T) {
	dead := graph.Outcome{Class: graph.Parked, Reason: graph.ReasonPageDisconnected, Code: 190}
	for name, c := range map[string]struct {
		answers []graph.Outcome // of uploads; after them Meta takes it
		file    string
		want    []string
	}{
		"S30 for good, and the text after it goes": {[]graph.Outcome{{Class: graph.Refused, Reason: graph.ReasonMediaRefused, Code: 100}}, "cat",
			[]string{"refused MEDIA_REFUSED", "attempted", "succeeded answer"}},
		"passes":    {[]graph.Outcome{later(0), later(0)}, "cat", []string{"deferred THROTTLED", "deferred THROTTLED", "attempted", "succeeded answer"}},
		"for good":  {[]graph.Outcome{{Class: graph.Refused, Reason: graph.ReasonMediaRefused, Code: 100}}, "cat", []string{"refused MEDIA_REFUSED"}},
		"dead page": {[]graph.Outcome{dead, dead}, "cat", []string{"deferred PAGE_DISCONNECTED"}},
		"gone":      {nil, "gone", []string{"refused FILE_MISSING"}},
		"too often": {slices.Repeat([]graph.Outcome{later(0)}, 9), "cat", []string{"deferred THROTTLED", "deferred THROTTLED", "deferred THROTTLED", "deferred THROTTLED", "refused THROTTLED"}},
		"too long":  {[]graph.Outcome{later(11 * time.Minute)}, "cat", []string{"refused THROTTLED"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := keys(t)
				sent := append(asked(), sends("s1", "", file(c.file)))
				if strings.HasPrefix(name, "S30") {
					sent = append(sent, sends("s2", "hello"))
				}
				log := newMemory(sent...)
				meta := &meta{answer: delivered, upload: func(n int, f graph.File) (string, graph.Outcome) {
					if n <= len(c.answers) {
						return "", c.answers[n-1]
					}
					return taken(n, f)
				}}
				stop := process(t, log, meta, connected(t, box), box)
				time.Sleep(5 * time.Minute)
				stop()
				expect(t, log, c.want...)
			})
		})
	}
}

// An id that Meta has dropped costs one more upload, and one that it gave just
// now is not asked for for ever.
func TestAnIdThatMetaDropped(t *testing.T) {
	for _, always := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			box := keys(t)
			log := newMemory(append(asked(), sends("s1", "", file("cat")), sends("s2", "", file("cat")))...)
			meta := &meta{upload: taken, answer: func(n int, _ graph.Message) graph.Outcome {
				if n == 2 || n > 2 && always {
					return graph.Outcome{Class: graph.Refused, Reason: graph.ReasonMediaRefused, Code: 100, Subcode: 2018074}
				}
				return sent("m_" + strconv.Itoa(n))
			}}
			stop := process(t, log, meta, connected(t, box), box)
			time.Sleep(5 * time.Minute)
			stop()
			end := "succeeded answer"
			if always {
				end = "refused MEDIA_REFUSED"
			}
			expect(t, log, "attempted", "succeeded answer", "attempted", "deferred MEDIA_LAPSED", "attempted", end)
			if len(meta.taken) != 2 {
				t.Errorf("%d uploads, want 2", len(meta.taken))
			}
		})
	}
}

// An id is used again for 80 days, of the 90 that Meta keeps it, and for what it was
// uploaded as alone.
func TestHowLongAnIdIsUsed(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		after time.Duration
		kind  string
		want  int
	}{
		"the last moment": {80*day - time.Minute, "image", 1},
		"too old":         {80 * day, "image", 2},
		"as a document":   {time.Minute, "file", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
				log := newMemory(append(asked(), sends("s1", "", file("cat")))...)
				meta := &meta{answer: delivered, upload: taken}
				stop := processWith(t, log, meta, connected(t, box), box, notes)
				time.Sleep(10 * time.Second)
				stop()
				time.Sleep(c.after - 10*time.Second)
				again := file("cat")
				again.Kind = c.kind
				log.say(thread.Of(&threadv1.MessageReceived{Mid: "m_again", Text: "and?", SentMs: time.Now().UnixMilli()}), sends("s2", "", again))
				stop = processWith(t, log, meta, connected(t, box), box, notes)
				time.Sleep(10 * time.Second)
				stop()
				if len(meta.posts) != 2 || len(meta.taken) != c.want {
					t.Fatalf("%d messages with %d uploads, want %d", len(meta.posts), len(meta.taken), c.want)
				}
				if last := meta.posts[1].Media; last.Kind != c.kind || (last.ID == meta.posts[0].Media.ID) != (c.want == 1) {
					t.Errorf("first %+v, then %+v", meta.posts[0].Media, last)
				}
			})
		})
	}
}

// A closed window is told before anything is uploaded, and a file in doubt is not
// proved by a message that has no text either.
func TestFilesKeepToTheWindowAndToTheirEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(append(asked(), sends("s1", "", file("cat")))...)
		time.Sleep(25 * time.Hour)
		meta := &meta{answer: delivered, upload: taken}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Minute)
		stop()
		expect(t, log, "refused WINDOW_CLOSED")
		if len(meta.taken) != 0 {
			t.Errorf("%d files were uploaded for nothing", len(meta.taken))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(append(asked(), sends("s1", "", file("cat")))...)
		meta := &meta{upload: taken, answer: func(int, graph.Message) graph.Outcome { return unknown() },
			recent: func() ([]graph.Recent, error) {
				return []graph.Recent{{MessageID: "m_9", From: customer.Page, Created: time.Now()}}, nil
			}}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(3 * time.Minute)
		stop()
		expect(t, log, "attempted", "uncertain TIMEOUT", "unconfirmed")
	})
}

// TestKeysOfMedia: what is written about a file says nothing of it.
func TestKeysOfMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
		log := newMemory(append(asked(), sends("s1", "", file("cat")))...)
		stop := processWith(t, log, &meta{answer: delivered, upload: taken}, connected(t, box), box, notes)
		time.Sleep(time.Minute)
		stop()
		found := 0
		for key := range notes.entries {
			if strings.HasPrefix(key, subject.MediaKey(customer.Page, "")) {
				found++
			}
			if strings.Contains(key, "cat") || strings.Contains(key, customer.PSID) {
				t.Errorf("the key %s tells", key)
			}
		}
		if found != 1 {
			t.Errorf("%d ids are kept", found)
		}
	})
}
