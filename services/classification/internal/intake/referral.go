package intake

import (
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	// whole is how long a ref may be to be known in whole, in bytes: the state
	// keeps no more of one, and cuts between characters.
	whole = 196
	// pairs is how many of a ref's are read.
	pairs = 20
	// fresh is how long a link is why the customer writes.
	fresh = 24 * time.Hour
)

// Referred counts what came of the pairs in the ref by which a customer came.
type Referred struct {
	Set        int // a variable has the value
	Undeclared int // the workstream has no such variable
	Unfit      int // the variable cannot have the value
	Claims     int // the variable says who the customer is, which anybody's link must not
}

// opening is o with the variables that the customer's link tells of; s is the
// thread after the event, at is the event's time.
func (in Input) opening(s *threadv1.State, event *threadv1.Fact, at int64) (*threadv1.ConversationOpened, Referred) {
	if in.Opening == nil {
		return nil, Referred{}
	}
	after := proto.CloneOf(s)
	if err := thread.Apply(after, 0, time.UnixMilli(at), event); err != nil || time.Duration(at-after.GetReferralMs())*time.Millisecond > fresh {
		return in.Opening, Referred{}
	}
	values, counts := variables(after.GetReferral().GetRef(), in.Variables)
	opens := proto.CloneOf(in.Opening)
	opens.Variables = values
	return opens, counts
}

// variables are the values that a ref gives to declared variables: pairs like
// "order=A-17:tier=gold", with '&', ';' or ':' between them, the name as it is
// declared. What is no pair is no business of ours; links mean many things.
func variables(ref string, declared []*configv1.Variable) (map[string]string, Referred) {
	list := strings.FieldsFunc(ref, func(r rune) bool { return r == '&' || r == ';' || r == ':' })
	if len(ref) > whole && len(list) > 0 {
		list = list[:len(list)-1] // it may have been cut
	}
	var values map[string]string
	var counts Referred
	for _, pair := range list[:min(len(list), pairs)] {
		name, value, is := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		v := directory.Variable(declared, name)
		switch {
		case !is || name == "":
		case v == nil:
			counts.Undeclared++
		case v.GetTells() != configv1.Tells_TELLS_UNSPECIFIED:
			counts.Claims++
		case value == "" || !directory.Fits(v, value):
			counts.Unfit++
		default:
			if values == nil {
				values = map[string]string{}
			}
			values[name] = value
			counts.Set++
		}
	}
	return values, counts
}
