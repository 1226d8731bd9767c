package web_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// setUp is a tab on the set-up page of a staffed house, at its door if it is nobody's.
func setUp(t *testing.T, agent string) *browser {
	t.Helper()
	b := open(t)
	b.enterSetUp(agent)
	return b
}

// enterSetUp opens the set-up page, as somebody or nobody yet.
func (b *browser) enterSetUp(agent string) {
	b.t.Helper()
	b.house.Staff()
	if agent == "" {
		b.Do(chromedp.Navigate(b.url+"/setup"), chromedp.WaitVisible(chromedp.CSS("input[name=agent]")))
		return
	}
	b.Admit(b.url+"/setup", agent)
	b.Await("the page", "document.querySelector('.setup main .card-of, .refused')")
}

// TestWhoIsQuickIsNotRefused: a call that came too fast goes again by itself, when the
// house says.
func TestWhoIsQuickIsNotRefused(t *testing.T) {
	b := setUp(t, webtest.Admin)
	refused := make(chan bool, 2)
	webtest.Answer(b.house.Office, adminv1.HistoryService_ListVersions_FullMethodName, func(*adminv1.ListVersionsRequest) (*adminv1.ListVersionsResponse, error) {
		select {
		case refused <- true:
			err := webtest.Refusal(connect.CodeResourceExhausted, "TOO_MANY_REQUESTS").(*connect.Error) //nolint:errorlint // it is connect's own
			err.Meta().Set("Retry-After", "1")
			return nil, err
		default:
			return &adminv1.ListVersionsResponse{Versions: []*adminv1.Version{{Number: 7, By: "agent:petar"}}}, nil
		}
	})
	b.turnTo("history")
	b.Await("the history", "document.querySelector('.versions summary')?.textContent.includes('agent:petar')")
	if said := b.Eval("document.querySelector('.setup main [role=alert]')?.textContent ?? ''"); said != "" || len(refused) != cap(refused) {
		t.Errorf("after %d refusals the page says %q", len(refused), said)
	}
}

// turnTo shows a screen of the set-up page that is open, without loading it anew.
func (b *browser) turnTo(place string) {
	b.t.Helper()
	// The page hears of it before this does, and has drawn it in the turn between.
	b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`new Promise((done) => {
		addEventListener('hashchange', function heard(e) {
			if (!e.newURL.endsWith(%[1]q)) return;
			removeEventListener('hashchange', heard);
			setTimeout(done);
		});
		location.hash = '#/';
		location.hash = %[1]q;
	})`, "#/"+place), chromedp.EvalAwaitPromise))
	b.Await("the screen "+place, fmt.Sprintf("location.hash.startsWith(%q) && document.querySelector('.setup main > .card-of, .setup main .wizard, .setup main [role=alert]')", "#/"+place))
	b.Await("what it shows", "![...document.querySelectorAll('main [role=status], main .quiet')].some((e) => /^(Loading|Зареждане)/.test(e.textContent))")
}

func (b *browser) says(what, text string) {
	b.t.Helper()
	b.Await(what, fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// tap presses what a selector finds, wherever it has moved to meanwhile.
func (b *browser) tap(css string) {
	b.t.Helper()
	b.Press(css, fmt.Sprintf("document.querySelector(%q)", css))
}

// put writes into a field by its name.
func (b *browser) put(name, text string) {
	b.t.Helper()
	b.With("the field "+name, fmt.Sprintf("document.querySelector('[name=%s]')", name), fmt.Sprintf("e.value = %q, e.dispatchEvent(new Event('input', { bubbles: true })), e.dispatchEvent(new Event('change', { bubbles: true }))", text))
}

// TestSetUpGallery shows every screen of the set-up page in every state, in both
// schemes and at three widths: nothing keeps anybody from using it, each has its one
// heading and its main landmark, and nothing sticks out.
func TestSetUpGallery(t *testing.T) {
	b := setUp(t, "")
	looked := 0
	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.Size(1440, 1000, scheme)
			b.Shot("setup-gallery/" + name + "-" + scheme)
			if found := b.Sound(webtest.Colours); found != "" {
				t.Errorf("%s, %s: %s", name, scheme, found)
			}
		}
		for _, width := range []int64{360, 768, 1440} {
			b.Size(width, 1000, "light")
			b.Await(fmt.Sprintf("%s, a page that fits %d px", name, width), fmt.Sprintf("innerWidth === %d && document.scrollingElement.scrollWidth === innerWidth", width))
			b.Shot(fmt.Sprintf("setup-gallery/%s-%d", name, width))
			if found := b.Sound(webtest.Structure); found != "" {
				t.Errorf("%s, %d px: %s", name, width, found)
			}
		}
		looked++
	}
	look("door")
	b.Do(chromedp.SendKeys(chromedp.CSS("input[name=agent]"), webtest.Agent), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "wrong\r"))
	b.Await("that it is wrong", "document.querySelector('.door [role=alert]')")
	look("door-wrong")
	b.put("agent", webtest.Agent)
	b.put("password", webtest.Password)
	b.Click(".door .primary")
	b.Await("who it is not for", "document.querySelector('.refused')")
	look("refused")
	b.Click(".refused button")
	b.Await("the door", "document.querySelector('input[name=agent]')")
	b.put("agent", webtest.Admin)
	b.put("password", webtest.Password)
	b.Click(".door .primary")
	b.Await("the page", "document.querySelector('.setup main .card-of')")
	for _, place := range places {
		b.turnTo(place)
		look(place)
	}
	for name, show := range map[string]func(*browser){"audit-open": openRecord, "audit-broken": brokenAudit, "diff": difference, "wrong-field": wrongField, "history-open": openVersion,
		"drop": dropLetter, "token": newToken, "client-new": newClient, "client-token": madeClient, "client-turn": turnClient, "client-revoke": revokeClient, "yaml": wholeYAML, "conflict": conflict} {
		b.house.Staff() // what the state before was told is over
		show(b)
		look(name)
		b.Do(chromedp.Evaluate[chromedp.Void]("void document.querySelector('dialog[open]')?.close()"))
	}
	b.turnTo("system")
	b.Click("button[lang=bg]")
	b.Await("the language", "document.documentElement.lang === 'bg'")
	look("system-bg")
	b.Click("button[lang=en]")
	emptyHouse(b)
	for n := range 6 {
		b.turnTo(fmt.Sprintf("wizard/+/%d", n+1))
		look(fmt.Sprintf("wizard-empty-%d", n+1))
	}
	b.turnTo("queues")
	look("queues-empty")
	if want := len(places) + 24; looked != want {
		t.Errorf("looked at %d states, want %d", looked, want)
	}
}

// places are the screens, one of each sort of form among them.
var places = []string{"wizard/shop/1", "wizard/shop/2", "wizard/shop/3", "wizard/shop/4", "wizard/shop/5", "wizard/shop/6", "channels", "channels/shop", "accounts", "accounts/demo",
	"workstreams", "workstreams/facebook", "queues", "queues/front", "queues/+", "queues/gone", "rules", "rules/sort", "hours", "hours/office", "messages", "messages/greeting",
	"replies", "replies/thanks", "agents", "agents/mila", "skills", "skills/german", "profiles", "profiles/chats", "statuses", "statuses/lunch", "clients", "history", "audit", "system"}

func openRecord(b *browser) {
	b.turnTo("audit")
	for _, n := range []string{"3", "5", "7"} {
		b.tap("[data-record='" + n + "'] summary")
	}
	b.Await("what they changed", "document.querySelectorAll('[data-record] .is').length === 4")
}

func brokenAudit(b *browser) {
	webtest.Answer(b.house.Office, adminv1.AuditService_VerifyRecords_FullMethodName, func(*adminv1.VerifyRecordsRequest) (*adminv1.VerifyRecordsResponse, error) {
		return &adminv1.VerifyRecordsResponse{Read: 8, Number: 8, FaultCount: 2, Faults: []*adminv1.RecordFault{{Number: 4, Reason: "CHANGED"}, {Number: 5, Reason: "BROKEN"}}}, nil
	})
	b.turnTo("audit")
	b.Click("[data-deed=verify]")
	b.Await("what is wrong", "document.querySelector('[data-broken=\"4\"]')")
}

// prioritize changes the queue that is shown.
func (b *browser) prioritize() {
	b.t.Helper()
	b.With("the form", "document.querySelector('[data-field=priority] input')", "e.value = 9, e.dispatchEvent(new Event('input', { bubbles: true }))")
}

func difference(b *browser) {
	b.turnTo("queues/front")
	b.prioritize()
	b.Click(".save .primary")
	b.Await("the difference", "document.querySelector('dialog .is')")
}

func wrongField(b *browser) {
	webtest.Answer(b.house.Office, adminv1.ConfigService_CreateQueue_FullMethodName, func(*adminv1.CreateQueueRequest) (*adminv1.Resource, error) {
		return nil, webtest.Refusal(connect.CodeInvalidArgument, "INVALID_RESOURCE", "queue.meta.id", "queue.agents")
	})
	b.turnTo("queues/+")
	b.Click(".save .primary")
	b.Await("what is wrong", "document.querySelector('[data-field=agents] .wrong')")
}

func openVersion(b *browser) {
	b.turnTo("history")
	b.tap(".versions li:nth-child(2) summary")
	b.Await("what it changed", "document.querySelector('.versions .is')")
}

func dropLetter(b *browser) {
	b.turnTo("system")
	b.Click("[data-deed=drop]")
	b.Await("the question", "document.querySelector('dialog input')")
}

func newToken(b *browser) {
	b.turnTo("channels")
	b.Await("a page", "document.querySelector('.page-of .deeds button:last-child')")
	b.Click(".page-of .deeds button:last-child")
	b.Await("the field", "document.querySelector('.inline input')")
	b.Click(".callback > button")
	b.Await("the verify token", "document.querySelectorAll('.callback input').length === 2")
}

func newClient(b *browser) {
	b.turnTo("system") // a form that was open is not any more
	b.turnTo("clients")
	b.Click("[data-deed=new-client]")
	b.Await("the form", "document.querySelector('[data-part=make]')")
	b.tap("[name='queue.pause']")
	b.Await("the queues", "document.querySelector('[name=front]')")
}

func madeClient(b *browser) {
	newClient(b)
	b.put("id", "pauses")
	b.tap("[data-part=make] .primary")
	b.Await("the token", "document.querySelector('[data-part=token] input')")
}

func turnClient(b *browser) {
	b.turnTo("system")
	b.turnTo("clients")
	b.Click("[data-client=crm-sync] [data-deed=turn]")
	b.Await("the question", "document.querySelector('dialog select')")
}

func revokeClient(b *browser) {
	b.turnTo("system")
	b.turnTo("clients")
	b.Click("[data-client=crm-sync] [data-deed=revoke]")
	b.Await("the question", "document.querySelector('dialog .danger')")
}

func wholeYAML(b *browser) {
	webtest.Answer(b.house.Office, adminv1.ConfigService_ExportConfig_FullMethodName, func(*adminv1.ExportConfigRequest) (*adminv1.ExportConfigResponse, error) {
		return &adminv1.ExportConfigResponse{Manifest: "apiVersion: parley.dev/v1\nkind: Queue\nmetadata: {name: front}\n"}, nil
	})
	b.turnTo("system")
	b.Click("[data-deed=export]")
	b.Await("it", "document.querySelector('.yaml')")
}

// TestEveryScreenAsYAML: what a screen is about is there as parleyctl takes it, and
// nothing else.
func TestEveryScreenAsYAML(t *testing.T) {
	b := setUp(t, webtest.Admin)
	docs := map[string]string{}
	for _, kind := range []string{"Agent", "Queue", "Page", "ChannelAccount", "Workstream", "Schedule", "AutomatedMessage"} {
		docs[kind] = "apiVersion: parley.dev/v1\nkind: " + kind + "\nmetadata:\n  name: front\nspec:\n  text: |-\n    kind: Queue\n    ---\n"
	}
	other := "apiVersion: parley.dev/v1\nkind: Queue\nmetadata:\n  name: \"007\"\n"
	webtest.Answer(b.house.Office, adminv1.ConfigService_ExportConfig_FullMethodName, func(r *adminv1.ExportConfigRequest) (*adminv1.ExportConfigResponse, error) {
		if r.GetPageToken() == "" {
			return &adminv1.ExportConfigResponse{Manifest: docs["Agent"] + "---\n" + docs["Queue"], NextPageToken: "more"}, nil
		}
		return &adminv1.ExportConfigResponse{Manifest: "---\n" + strings.Join([]string{other, docs["Page"], docs["ChannelAccount"], docs["Workstream"], docs["Schedule"], docs["AutomatedMessage"]}, "---\n")}, nil
	})
	for _, c := range []struct {
		place string
		want  []string
	}{
		{"queues", []string{docs["Queue"], other}}, {"queues/front", []string{docs["Queue"]}}, {"agents", []string{docs["Agent"]}}, {"channels", []string{docs["Page"], docs["ChannelAccount"]}},
		{"wizard/shop/1", []string{docs["ChannelAccount"]}}, {"wizard/shop/2", []string{docs["Page"]}}, {"wizard/shop/3", []string{docs["Page"], docs["ChannelAccount"]}},
		{"wizard/shop/4", []string{docs["Agent"], docs["Queue"], other, docs["Schedule"]}}, {"wizard/shop/5", []string{docs["Page"], docs["Workstream"], docs["AutomatedMessage"]}},
	} {
		b.turnTo(c.place)
		b.Click("[data-deed=export]")
		b.Await("it for "+c.place, "document.querySelector('.yaml')")
		b.Reads(c.place, "document.querySelector('.yaml').textContent", strings.Join(c.want, "---\n"))
	}
	b.Shot("yaml-of-a-step")
}

// TestWhatIsShownAsYAMLIsOfNow: what is listed after somebody asked takes nothing away
// from them, and what changed is read again.
func TestWhatIsShownAsYAMLIsOfNow(t *testing.T) {
	b := setUp(t, webtest.Admin)
	listed := make(chan string)
	t.Cleanup(func() { close(listed) })
	b.turnTo("queues")
	webtest.Answer(b.house.Office, adminv1.ConfigService_ListQueues_FullMethodName, func(*adminv1.ListQueuesRequest) (*adminv1.ListQueuesResponse, error) {
		name := <-listed // closed at the end, so that nothing waits for ever
		return &adminv1.ListQueuesResponse{Queues: []*configv1.Queue{{Meta: &configv1.Meta{Id: "front", DisplayName: name}}}}, nil
	})
	var asked atomic.Int64
	webtest.Answer(b.house.Office, adminv1.ConfigService_ExportConfig_FullMethodName, func(*adminv1.ExportConfigRequest) (*adminv1.ExportConfigResponse, error) {
		return &adminv1.ExportConfigResponse{Manifest: fmt.Sprintf("apiVersion: parley.dev/v1\nkind: Queue\nmetadata:\n  name: front\nspec:\n  priority: %d\n", asked.Add(1))}, nil
	})
	// Who turns comes by the first screen, and each is listed for.
	list := func(name string) {
		had := b.Eval("String(performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/ListQueues')).length)")
		listed <- name
		listed <- name
		b.Await("the lists", "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/ListQueues')).length >= 2 + "+had)
	}
	shows := func(what string) {
		b.Await(what, fmt.Sprintf("document.querySelector('.yaml')?.textContent.includes(%q)", what))
	}
	b.turnTo("queues")
	b.Click("[data-deed=export]")
	shows("priority: 1")
	list("Changed")
	shows("priority: 2")
	b.turnTo("queues")
	list("Changed")
	shows("priority: 2")
	b.turnTo("queues")
	list("Changed again")
	shows("priority: 3")
	if n := asked.Load(); n != 3 {
		t.Errorf("the manifest was asked for %d times, want once and for each of two changes", n)
	}
}

// TestWhatIsTypedStays when others change what is being edited, and a form in which
// nothing was typed shows what they made of it.
func TestWhatIsTypedStays(t *testing.T) {
	b := setUp(t, webtest.Admin)
	listed := make(chan *configv1.Queue)
	t.Cleanup(func() { close(listed) })
	b.turnTo("queues/front")
	webtest.Answer(b.house.Office, adminv1.ConfigService_ListQueues_FullMethodName, func(*adminv1.ListQueuesRequest) (*adminv1.ListQueuesResponse, error) {
		return &adminv1.ListQueuesResponse{Queues: []*configv1.Queue{<-listed}}, nil
	})
	shows := func(name string, of int32, priority string) {
		q := &configv1.Queue{Meta: &configv1.Meta{Id: "front", DisplayName: name, Etag: name}, Priority: of}
		listed <- q // who turns comes by the first screen, and each is listed for
		listed <- q
		b.Await(name, fmt.Sprintf("document.querySelector('.setup h2').textContent.startsWith(%q) && document.querySelector('[data-field=priority] input').value === %q", name, priority))
	}
	b.turnTo("queues/front")
	shows("Once", 6, "6")
	b.turnTo("queues/front")
	b.prioritize()
	shows("Twice", 7, "9")
}

// conflict is that somebody else was faster.
func conflict(b *browser) {
	webtest.Answer(b.house.Office, adminv1.ConfigService_Apply_FullMethodName, func(*adminv1.ApplyRequest) (*adminv1.ApplyResponse, error) {
		return nil, webtest.Refusal(connect.CodeAborted, "ETAG_MISMATCH")
	})
	b.turnTo("queues/front")
	b.prioritize()
	b.Click(".save .primary")
	b.Await("who was faster", "document.querySelector('.told .buttons')")
}

func emptyHouse(b *browser) {
	b.house.Office.Keep()
	webtest.Answer(b.house.Office, adminv1.ProvisionService_ListPageStatuses_FullMethodName, func(*adminv1.ListPageStatusesRequest) (*adminv1.ListPageStatusesResponse, error) {
		return &adminv1.ListPageStatusesResponse{}, nil
	})
}
