package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// LabelConversation gives a conversation labels and takes some away.
func (s deskService) LabelConversation(ctx context.Context, r *connect.Request[deskv1.LabelConversationRequest]) (*connect.Response[deskv1.LabelConversationResponse], error) {
	change, err := labelsOf(r.Msg)
	if err != nil {
		return nil, err
	}
	view, err := s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		change.By = agent
		return thread.ChangeLabels(state, r.Msg.GetRef().GetConversation(), change)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.LabelConversationResponse{Conversation: view}), nil
}

// labelsOf reads a change out of a request. What is taken away may be anything that a
// conversation can have.
func labelsOf(m *deskv1.LabelConversationRequest) (*threadv1.LabelsChanged, error) {
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	c.that(len(m.GetAdded())+len(m.GetRemoved()) > 0, "added", "give labels that it has from now on, or removed")
	read := func(field string, texts []string) (labels []string) {
		c.that(len(texts) <= thread.MostLabels, field, "must be at most %d, are %d", thread.MostLabels, len(texts))
		for i, text := range texts[:min(len(texts), thread.MostLabels)] {
			label := thread.Label(text)
			c.that(label != "", fmt.Sprintf("%s[%d]", field, i), "must have 1 to %d characters that can be seen, and none that steer how text is shown", thread.MostLabel)
			labels = append(labels, label)
		}
		return labels
	}
	change := &threadv1.LabelsChanged{Added: read("added", m.GetAdded()), Removed: read("removed", m.GetRemoved()), ClientId: m.GetClientId()}
	return change, c.err()
}

// labelled collects labels: each once, whatever its case, in the order of the alphabet.
type labelled map[string]string // by how they are written without capitals

func (all labelled) add(labels []string) {
	for _, label := range labels {
		if lower := strings.ToLower(label); all[lower] == "" || label < all[lower] {
			all[lower] = label
		}
	}
}

func (all labelled) list() []string {
	var list []string
	for _, lower := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[lower])
	}
	return list
}
