package provision

import (
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/standing"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// Answer is what became of one question to Meta.
type Answer struct {
	Definite bool // an answer came, a refusal too; else nobody knows
	Code     int  // Meta's error code when it refused; 0: it did not
	Subcode  int
}

// refused is Meta's definite no.
func (a Answer) refused() bool { return a.Definite && a.Code != 0 }

// Answers are what became of one round of questions. Token, Live and Fields
// count when the answer beside them is definite and no refusal.
type Answers struct {
	DebugToken   Answer
	Token        *provisionv1.Token
	Approved     Answer
	Live         []string
	Subscription Answer
	Fields       []string
}

// Foreign is the code with which Meta refuses to speak of another app's token.
const Foreign = 100

// Take gives the record after a round of questions about the set-up basis, asked
// when used was the last that outbound had said. What was not answered stands as
// it was, with the time since when; r is not changed.
func Take(r *provisionv1.Record, basis string, used *provisionv1.TokenUsed, a Answers, nowMS int64) *provisionv1.Record {
	next := &provisionv1.Record{Basis: basis}
	if r.GetBasis() == basis && r != nil {
		next = proto.CloneOf(r)
	}
	next.CheckedMs, next.Hearing = nowMS, r.GetHearing()

	// The app's own question answers two: a refusal is about the app, unless it
	// says that the token is another app's.
	app, token := a.DebugToken, a.DebugToken
	if a.DebugToken.refused() && a.DebugToken.Code == Foreign {
		app = Answer{Definite: true}
	} else if a.DebugToken.refused() {
		token = Answer{}
	}
	next.App = answered(next.GetApp(), app, nowMS)
	at := answered(next.GetToken().GetAnswered(), token, nowMS)
	if token.Definite {
		next.HeardMs = 0
		if used.GetBasis() == basis {
			next.HeardMs = used.GetAtMs()
		}
		next.Token = &provisionv1.Token{}
		if !token.refused() && a.Token != nil {
			next.Token = proto.CloneOf(a.Token)
		}
	} else if next.Token == nil {
		next.Token = &provisionv1.Token{}
	}
	next.Token.Answered = at
	warn(next, nowMS)

	approval := next.GetApproval()
	next.Approval = &provisionv1.Approval{Answered: answered(approval.GetAnswered(), a.Approved, nowMS), Live: approval.GetLive()}
	if a.Approved.Definite {
		next.Approval.Live = a.Live
	}
	subscription := next.GetSubscription()
	next.Subscription = &provisionv1.Subscription{Answered: answered(subscription.GetAnswered(), a.Subscription, nowMS), Fields: subscription.GetFields()}
	if a.Subscription.Definite {
		next.Subscription.Fields = a.Fields
	}
	next.Hearing = hear(next, standing.About(basis), nowMS)
	return next
}

func answered(before *provisionv1.Answered, a Answer, nowMS int64) *provisionv1.Answered {
	if a.Definite {
		return &provisionv1.Answered{AtMs: nowMS, Code: int32(a.Code), Subcode: int32(a.Subcode)}
	}
	next := &provisionv1.Answered{AtMs: before.GetAtMs(), SilentSinceMs: before.GetSilentSinceMs(), Code: before.GetCode(), Subcode: before.GetSubcode()}
	if next.SilentSinceMs == 0 {
		next.SilentSinceMs = nowMS
	}
	return next
}
