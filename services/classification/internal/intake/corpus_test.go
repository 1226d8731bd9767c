package intake_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/meta"
)

// corpus is where webhook bodies of the world are kept, beside the repository.
const corpus = "../../../../../shared/payloads"

// recorded gives the items of every recorded webhook body, by file name.
func recorded(t *testing.T) map[string][]intake.Input {
	t.Helper()
	all := map[string][]intake.Input{}
	for _, pattern := range []string{"*-wh-*.json", "*-ev-*.json", "*-doc-*.json"} {
		files, err := filepath.Glob(filepath.Join(corpus, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := regexp.MustCompile(`^\d+-|\.json$`).ReplaceAllString(filepath.Base(file), "")
			all[name] = items(body)
		}
	}
	if len(all) == 0 {
		t.Skip("the payload corpus is not beside the repository")
	}
	return all
}

func items(body []byte) []intake.Input {
	var list []intake.Input
	add := func(raw json.RawMessage, lane inboundv1.Lane) {
		i := intake.Input{
			Event:   &inboundv1.Event{Page: page, Psid: psid, Lane: lane, Raw: raw},
			Item:    meta.Parse(raw, lane),
			Opening: &threadv1.ConversationOpened{Id: "c1", Units: 1, OfferSeconds: 60},
		}
		if i.Event.ReceivedMs = i.Item.SentMS; i.Item.SentMS == 0 {
			i.Event.ReceivedMs = noon
		}
		if i.Item.Sender == "" {
			i.Event.Psid = ""
		}
		list = append(list, i)
	}
	split := func(entry map[string]json.RawMessage) {
		for key, lane := range map[string]inboundv1.Lane{"messaging": 1, "standby": 2, "changes": 3} {
			var raws []json.RawMessage
			_ = json.Unmarshal(entry[key], &raws)
			for _, raw := range raws {
				add(raw, lane)
			}
		}
	}
	var outer map[string]json.RawMessage
	_ = json.Unmarshal(body, &outer)
	var entries []map[string]json.RawMessage
	switch _ = json.Unmarshal(outer["entry"], &entries); {
	case outer["object"] != nil:
		for _, entry := range entries {
			split(entry)
		}
	case outer["messaging"] != nil:
		split(outer)
	case outer["field"] != nil:
		add(body, inboundv1.Lane_LANE_CHANGES)
	default:
		add(body, inboundv1.Lane_LANE_MESSAGING)
	}
	return list
}

// Every item of the world leads to a fact that the thread takes and the log can
// hold, and to nothing when it comes again.
func TestCorpusIsFiled(t *testing.T) {
	for name, inputs := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			s := thread.New(page, psid)
			seen := map[string]bool{}
			for _, i := range inputs {
				facts := file(t, s, i)
				if len(facts) == 0 && !seen[string(i.Event.GetRaw())] {
					t.Errorf("lost: %s", i.Event.GetRaw())
				}
				seen[string(i.Event.GetRaw())] = true
				if again := file(t, s, i); len(again) != 0 {
					t.Errorf("twice: %s", kinds(again))
				}
				commit, err := thread.Extend(thread.New(page, psid), 0, time.UnixMilli(noon), "test", facts...)
				if len(facts) > 0 && err != nil {
					t.Fatal(err)
				}
				if _, err := proto.Marshal(commit); err != nil {
					t.Errorf("cannot be stored: %v", err)
				}
			}
		})
	}
}

// What recorded webhooks lead to is held against a golden file by test/corpus;
// here are items that were recorded without one.
func TestCorpusKinds(t *testing.T) {
	files := recorded(t)
	const opened = " conversation_opened"
	for name, want := range map[string]string{
		"doc-sticker-transition":             "message_received" + opened,
		"doc-appointment-booking":            "message_received" + opened,
		"doc-lead-summary-hop-context":       "message_received" + opened,
		"ev-chatwoot-text-no-timestamp":      "message_received" + opened,
		"ev-echo-fallback-no-app-id":         "external_message_sent",
		"doc-echo-image":                     "external_message_sent",
		"ev-standby-full-envelope":           "message_received",
		"doc-message-edit":                   "message_edited",
		"ev-chatwoot-read-string-watermark":  "read_reported",
		"ev-chatwoot-postback-with-mid":      "postback_received" + opened,
		"doc-postback-changes-shape":         "event_kept",
		"doc-pass-thread-control-null-owner": "control_moved",
		"doc-policy-enforcement-underscore":  "event_kept",
		"ev-customer-matching-accept":        "event_kept",
		"doc-response-feedback":              "event_kept",
	} {
		inputs, known := files[name]
		if !known {
			t.Errorf("%s is not in the corpus", name)
			continue
		}
		s := thread.New(page, psid)
		var got []string
		for _, i := range inputs {
			if facts := file(t, s, i); len(facts) > 0 {
				got = append(got, kinds(facts))
			}
		}
		if have := strings.Join(got, " "); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}
