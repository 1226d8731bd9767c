package web_test

import (
	"fmt"
	"testing"

	"connectrpc.com/connect"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestDeadLettersSpeakToTheReader: who reads Bulgarian reads in it why a letter lies
// there, why one stayed when it was tried again, and why some of a stage did.
func TestDeadLettersSpeakToTheReader(t *testing.T) {
	b := setUp(t, webtest.Admin)
	b.house.Staff()
	const why = "classification cannot handle it yet: internal: route a conversation"
	webtest.Answer(b.house.Office, adminv1.OperateService_RetryDeadLetter_FullMethodName, func(r *adminv1.RetryDeadLetterRequest) (*adminv1.RetryDeadLetterResponse, error) {
		if r.GetSequence() != 0 {
			return nil, webtest.Saying(connect.CodeFailedPrecondition, "RETRY_FAILED", why)
		}
		return &adminv1.RetryDeadLetterResponse{Letters: []*adminv1.RetriedLetter{{Sequence: 7, Trouble: why},
			{Sequence: 6, Trouble: "PARLEY_INBOUND_0 does not have the record 4702 any more; drop the letter"}}, Left: 2}, nil
	})
	b.Click("button[lang=bg]")
	b.turnTo("system")
	reads := func(what, where, want string) {
		t.Helper()
		b.Await(what, fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))", "[data-part=dead] "+where, want))
	}
	reads("why it lies there", "[data-letter='7']", "Грешка в програмата. при разпределяне на разговор")
	reads("why the other does", "[data-letter='6']", "записът е негоден: не е пакет от събития")
	b.tap("[data-letter='7'] [data-deed=retry]")
	reads("why it stays", "p", "при разпределяне на разговор")
	b.tap("[data-deed=retry-stage]")
	reads("why one of the stage stays", "[role=status]", "7: Грешка в програмата. при разпределяне на разговор")
	reads("why another does", "[role=status]", "вече не пази запис 4702; отпишете събитието")
	b.Await("no English", "!document.querySelector('[data-part=dead] [lang=en]')")
}
