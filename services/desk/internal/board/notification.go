package board

import (
	"cmp"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/slug"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// shownNotice is how many characters of a filled text are shown.
const shownNotice = 300

// notify is how agent is told of the conversation of s, which view shows (L90,
// L91): by a template for what the agent is asked, or was given without being
// asked; nil where nothing is to be told, or all is as built in.
func notify(s *threadv1.State, view *deskv1.ConversationView, agent string, now time.Time, world World) *deskv1.Notification {
	c := s.GetConversation()
	template, given, by := thread.Approach(s).GetTemplate(), int64(0), handedBy(s, world)
	switch part := view.GetPart(); {
	case part.GetAttendance() == threadv1.Attendance_ATTENDANCE_INVITED:
		by = cmp.Or(part.GetByName(), part.GetBy())
		if template = c.GetTerms().GetTransfer().GetTemplate(); part.GetPart() == threadv1.Part_PART_CONSULTANT {
			template = world.Names.Workstreams[c.GetWorkstream()].GetNotifications().GetConsult()
		}
	case view.GetOffer() != nil:
	case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && c.GetAgent() == agent && thread.Given(s):
		if given = c.GetAssignedMs() + thread.OfferLasts(s).Milliseconds(); given <= now.UnixMilli() {
			return nil
		}
	default:
		return nil
	}
	t := world.Names.Templates[template]
	if t == nil && given == 0 {
		return nil
	}
	told := &deskv1.Notification{GivenUntilMs: given, HideCountdown: t.GetHideCountdown(), NoReject: t.GetNoReject(), Desktop: desktop(t)}
	values := slugs(s, view, by)
	for _, text := range t.GetTexts() {
		told.Texts = append(told.Texts, noticeText(text, values))
	}
	return told
}

// handedBy names who handed the conversation of s over; empty when nobody did.
func handedBy(s *threadv1.State, world World) string {
	by := s.GetConversation().GetHandedBy()
	return cmp.Or(world.name(by), by)
}

// title is what stands for the conversation of s in lists, as its workstream says
// it (S40).
func title(s *threadv1.State, view *deskv1.ConversationView, world World) string {
	text := world.Names.Workstreams[s.GetConversation().GetWorkstream()].GetSessionTitle()
	if text == "" {
		return ""
	}
	return filled(text, slugs(s, view, handedBy(s, world)))
}

// desktop is when the browser tells too; a template that does not say it means
// never, and what is built in is for the page to know.
func desktop(t *configv1.NotificationTemplate) configv1.DesktopNotification {
	if t == nil {
		return configv1.DesktopNotification_DESKTOP_NOTIFICATION_UNSPECIFIED
	}
	return cmp.Or(t.GetDesktop(), configv1.DesktopNotification_DESKTOP_NOTIFICATION_NEVER)
}

// slugs are the values of slug.Notices and of context variables (L92).
func slugs(s *threadv1.State, view *deskv1.ConversationView, by string) slug.Values {
	language, _, _ := strings.Cut(s.GetCustomer().GetLocale(), "_")
	values := slug.Values{"CustomerLanguage": language, "ContactId": s.GetContact().GetContact(),
		"QueueName": view.GetQueue(), "PageName": view.GetPageName(), "AgentName": by}
	values.Person("Customer", s.GetCustomer().GetName())
	for _, v := range view.GetVariables() {
		values[slug.Variable(v.GetName())] = v.GetValue()
	}
	return values
}

func noticeText(t *configv1.NotificationTexts, values slug.Values) *deskv1.NotificationText {
	told := &deskv1.NotificationText{Language: t.GetLanguage(), Title: filled(t.GetTitle(), values), Accept: t.GetAccept(), Reject: t.GetReject()}
	for _, row := range t.GetRows() {
		if text := filled(row.GetText(), values); text != "" {
			told.Rows = append(told.Rows, &configv1.NotificationRow{Label: row.GetLabel(), Text: text})
		}
	}
	return told
}

func filled(text string, values slug.Values) string {
	all := []rune(strings.TrimSpace(slug.Fill(text, values)))
	return string(all[:min(len(all), shownNotice)])
}
