package thread

import threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"

// lostReason is why the sends of a restored thread are uncertain: what was known of
// them is as gone as with a process that died.
const lostReason = "CRASH"

// Unconfirm gives the facts by which no open send of a restored thread is posted by
// itself: whether it was since the backup, nobody knows. Each is for its agent to
// decide, and proved all the same by an echo that still comes. nowMS is ms since 1970
// UTC.
func Unconfirm(s *threadv1.State, nowMS int64) (facts []*threadv1.Fact) {
	for _, one := range s.GetSends() {
		switch one.GetStatus() {
		case threadv1.SendStatus_SEND_STATUS_UNCONFIRMED, threadv1.SendStatus_SEND_STATUS_UNSPECIFIED:
			continue
		case threadv1.SendStatus_SEND_STATUS_REQUESTED:
			facts = append(facts, Of(&threadv1.SendAttempted{Id: one.GetId(), Part: one.GetPart(), Attempt: one.GetAttempt() + 1, DeadlineMs: nowMS}),
				Of(&threadv1.SendUncertain{Id: one.GetId(), Part: one.GetPart(), Reason: lostReason}))
		case threadv1.SendStatus_SEND_STATUS_ATTEMPTED:
			facts = append(facts, Of(&threadv1.SendUncertain{Id: one.GetId(), Part: one.GetPart(), Reason: lostReason}))
		case threadv1.SendStatus_SEND_STATUS_UNCERTAIN:
		}
		facts = append(facts, Of(&threadv1.SendUnconfirmed{Id: one.GetId(), Part: one.GetPart()}))
	}
	return facts
}
