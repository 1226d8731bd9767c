package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// TestNamesForPeople: agents and queues are called by their names where they
// have one, and by their ids only where they have none.
func TestNamesForPeople(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	const system = deskv1.Author_AUTHOR_SYSTEM
	for _, item := range []*deskv1.TimelineItem{
		{Id: "s1", Author: system, Text: "conversation_routed", Details: map[string]string{"queue": "front", "queue_name": "Рецепция"}},
		{Id: "s2", Author: system, Text: "agent_assigned", Agent: "agent-1", AgentName: "Орлин Василев", Details: map[string]string{"agent": "agent-1", "cause": "accepted"}},
		{Id: "h1", Author: deskv1.Author_AUTHOR_AGENT, Agent: "agent-1", AgentName: "Орлин Василев", Text: "Момент.", Delivery: deskv1.Delivery_DELIVERY_SENT},
		{Id: "h2", Author: deskv1.Author_AUTHOR_NOTE, Agent: "agent-1", AgentName: "Орлин Василев", Text: "Редовен клиент."},
		{Id: "s3", Author: system, Text: "conversation_routed", Details: map[string]string{"queue": "gone"}},
		{Id: "s4", Author: system, Text: "agent_assigned", Agent: "agent-1", AgentName: "Орлин Василев", Details: map[string]string{"agent": "agent-1", "cause": "resumed"}},
	} {
		b.house.Say("1001", item)
	}
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelectorAll('.sys').length === 5")
	for _, says := range []string{"Routed to Рецепция", "Орлин Василев took the conversation", "Note · Орлин Василев", "Routed to gone", "Орлин Василев took it up again"} {
		b.Await(says, "document.querySelector('.log').innerText.includes('"+says+"')")
	}
	b.Await("no id where there is a name", "!/front|agent-1/.test(document.body.innerText)")
	b.Shot("names")
}
