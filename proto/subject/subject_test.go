package subject_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/proto/subject"
)

func FuzzThreadKeySurvivesAnyID(f *testing.F) {
	for _, s := range []string{"", "123", "a.b", "*", ">", "_x", "{tag}", "Иван", "m_\x00", strings.Repeat("9", 70)} {
		f.Add(s, "1")
		f.Add("1", s)
	}
	f.Fuzz(func(t *testing.T, page, psid string) {
		want := subject.Thread{Page: page, PSID: psid}
		log := subject.Log(want, 16)
		if tokens := strings.Split(log, "."); len(tokens) != 4 {
			t.Fatalf("subject %q has %d tokens, want 4", log, len(tokens))
		}
		if strings.ContainsAny(log, "*> \t\r\n\x00{}") {
			t.Fatalf("subject %q holds a character with a meaning of its own", log)
		}
		got, err := subject.ParseLog(log)
		if err != nil {
			t.Fatalf("parse %q: %v", log, err)
		}
		if got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func FuzzParseKeyRefusesWhatKeyCannotWrite(f *testing.F) {
	f.Add("1.2")
	f.Add("_.2")
	f.Add("_64.x")
	f.Add("_0.0")
	f.Add("_.0\n")
	f.Fuzz(func(t *testing.T, key string) {
		got, err := subject.ParseKey(key)
		if err != nil {
			return
		}
		if got.Key() != key {
			t.Fatalf("%q and %q name the same thread", key, got.Key())
		}
	})
}

func TestPartitionsAreSpreadEvenly(t *testing.T) {
	var count [16]int
	for i := range 16000 {
		count[subject.Thread{Page: "1122334455", PSID: strings.Repeat("7", 1+i%9) + string(rune('0'+i%10)) + string(rune('a'+i/1000)) + string(rune('a'+i%26))}.Partition(16)]++
	}
	for p, n := range count {
		if n == 0 {
			t.Errorf("partition %d got nothing", p)
		}
	}
}

func TestKeysOfProvisionAreReadBack(t *testing.T) {
	for _, id := range []string{"shop", "1020304050607080", "a.b", "*", "_x", ""} {
		for kind, key := range map[string]string{"callback": subject.CallbackKey(id), "events": subject.EventsKey(id), "record": subject.RecordKey(id),
			"token": subject.TokenKey(id), "standing": subject.StandingKey(id)} {
			gotKind, gotID, err := subject.ParseProvision(key)
			if err != nil || gotKind != kind || gotID != id {
				t.Errorf("%q is read as %q, %q, %v", key, gotKind, gotID, err)
			}
		}
	}
	for _, bad := range []string{"", "record", "record.", "record.a.b"} {
		if kind, id, err := subject.ParseProvision(bad); err == nil {
			t.Errorf("%q is read as %q, %q", bad, kind, id)
		}
	}
}

func TestKeysOfHistory(t *testing.T) {
	for _, n := range []uint64{1, 9, 10, 1<<64 - 1} {
		key := subject.VersionKey(n)
		if got, ok := subject.ParseVersionKey(key); !ok || got != n {
			t.Errorf("%q is read as %d, %v", key, got, ok)
		}
	}
	if subject.VersionKey(9) >= subject.VersionKey(10) {
		t.Error("keys of versions do not sort as their numbers do")
	}
	for _, bad := range []string{"", "v.", "v.7", "v.00000000000000000007x", "c.00ff", subject.ContentKey([]byte{7})} {
		if n, ok := subject.ParseVersionKey(bad); ok {
			t.Errorf("%q is read as version %d", bad, n)
		}
	}
}
