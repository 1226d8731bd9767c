package bench

import (
	"net/http"
	"testing"
)

// The stand-in takes texts, tells how many, and sees one that comes too early.
func TestAnswersAreCountedAndTheirOrderSeen(t *testing.T) {
	l := listen(t)
	go func() { _ = ServeAnswers(l, "0s") }()
	addr := l.Addr().String()
	if err := Loop(addr, "4", "40"); err != nil {
		t.Fatal(err)
	}
	if got, err := tallied(addr, false); err != nil || got.Taken != 40 || got.Disorder != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := tallied(addr, true); err != nil || got.Taken != 0 {
		t.Errorf("it does not forget: %+v, %v", got, err)
	}
	for _, number := range []int{0, 2, 1} {
		if err := posted(http.DefaultClient, addr, "a", number); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := tallied(addr, false); err != nil || got.Taken != 3 || got.Disorder != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := Loop("127.0.0.1:1", "1", "1"); err == nil {
		t.Error("a loop without anybody there succeeds")
	}
}
