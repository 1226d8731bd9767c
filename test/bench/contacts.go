package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/gen/parley/contact/v1/contactv1grpc"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	storedContacts = 1_000_000
	contactsAtOnce = 500
	searches       = 2_000 // by each of those who search
	patience       = 20    // with a broker on a busy disk
)

// contacts measures searches letter by letter among a million contacts, from the
// request to the records, by one who types and by eight.
func contacts(ctx context.Context, lab *Lab) ([]Finding, error) {
	dir, err := lab.folder("contacts")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	nats, settings, err := lab.lazy(ctx) // what is stored is not measured
	if err != nil {
		return nil, err
	}
	defer nats.stop(syscall.SIGTERM)
	if err := store(ctx, settings[1]); err != nil {
		return nil, fmt.Errorf("storing %d contacts: %w", storedContacts, err)
	}
	lab.Say("  %d contacts stored in %.0f s", storedContacts, time.Since(began).Seconds())
	h, err := lab.house(ctx, dir, "admin", settings...)
	if err != nil {
		return nil, err
	}
	defer h.stop(syscall.SIGKILL)
	conn, err := grpc.NewClient(h.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	client := contactv1grpc.NewContactServiceClient(conn)
	err = h.await(ctx, 5*time.Minute, "the contacts are read", func() bool {
		_, err := client.SearchContacts(ctx, &contactv1.SearchContactsRequest{Query: "Иван"})
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	lab.Say("  searches answer %.0f s after the start", time.Since(began).Seconds())
	var found []Finding
	for _, callers := range []int{1, 8} {
		took, err := typing(ctx, client, callers)
		if err != nil {
			return nil, err
		}
		p99 := took[len(took)*99/100]
		lab.Say("  %d at a time: p50 %v, p99 %v, longest %v", callers, took[len(took)/2], p99, took[len(took)-1])
		what := fmt.Sprintf("search among %s contacts with their records, %d at a time, p99", thousands(storedContacts), callers)
		found = append(found, Finding{what, Bound{AtMost: 50, Unit: " ms"}, millis(p99),
			fmt.Sprintf("p50 %s ms, the longest of %s took %s ms", number(millis(took[len(took)/2])), thousands(len(took)), number(millis(took[len(took)-1])))})
	}
	return found, nil
}

// typing has people search, one letter more every time, and gives how long each
// answer took, the shortest first.
func typing(ctx context.Context, client contactv1grpc.ContactServiceClient, callers int) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	group, ctx := errgroup.WithContext(ctx)
	for caller := range callers {
		group.Go(func() error {
			r := rand.New(rand.NewPCG(7, uint64(caller)))
			var took []time.Duration
			for len(took) < searches {
				text := []rune(wanted(r))
				for letters := 1; letters <= len(text) && len(took) < searches; letters++ {
					began := time.Now()
					if _, err := client.SearchContacts(ctx, &contactv1.SearchContactsRequest{Query: string(text[:letters])}); err != nil {
						return err
					}
					took = append(took, time.Since(began))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			return nil
		})
	}
	err := group.Wait()
	slices.Sort(all)
	return all, err
}

// wanted is what somebody looks for: a name, an address, a number, or a name with
// the beginning of a number.
func wanted(r *rand.Rand) string {
	c := someone(r.IntN(storedContacts))
	return []string{c.GetName(), c.GetName() + " " + c.GetPhones()[0][:6], c.GetEmails()[0], c.GetPhones()[0], "0" + c.GetPhones()[0][4:], c.GetExternalId()}[r.IntN(6)]
}

var (
	givenNames  = []string{"Иван", "Георги", "Мария", "Димитър", "Петър", "Елена", "Николай", "Йорданка", "Александър", "Христо", "Ivan", "Maria", "John", "Anna", "Стефан", "Васил", "Красимира", "Борис"}
	familyNames = []string{"Иванов", "Иванова", "Георгиева", "Димитров", "Петров", "Петрова", "Николов", "Стоянова", "Тодоров", "Ангелов", "Илиев", "Smith", "Müller", "Христова", "Василев", "Колева"}
	syllables   = []string{"ив", "ан", "пе", "тър", "ма", "ри", "я", "ге", "ор", "ги", "ди", "ми", "тро", "ва", "ни", "ко", "лай", "сто", "ян", "еле", "на", "хри", "сти", "бо", "рис", "га", "вел", "рад", "ка"}
)

// someone is a contact, by its number always the same. Few names are common and
// most are rare, as names are.
func someone(n int) *contactv1.Contact {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	word := func(common []string) (w string) {
		if r.IntN(3) > 0 {
			return common[int(float64(len(common))*r.Float64()*r.Float64())]
		}
		for range 2 + r.IntN(3) {
			w += syllables[r.IntN(len(syllables))]
		}
		return w
	}
	return &contactv1.Contact{
		Id:   uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n)).String(),
		Name: word(givenNames) + " " + word(familyNames), Emails: []string{fmt.Sprintf("user%d@example%d.com", n, r.IntN(50))},
		Phones: []string{fmt.Sprintf("+35988%07d", r.IntN(10_000_000))}, ExternalId: fmt.Sprintf("CRM-%07d", n),
	}
}

// store puts the contacts into the bucket, as the house would have.
func store(ctx context.Context, broker string) (err error) {
	b, err := bus.Open(ctx, bus.Config{URL: broker, Partitions: 4, Replicas: 1, AllowUnsafe: true}, bus.Tools{})
	if err != nil {
		return err
	}
	defer func() {
		if closing := b.Close(context.WithoutCancel(ctx)); err == nil {
			err = closing
		}
	}()
	bucket := b.Bucket(subject.ContactBucket)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range 2 {
		group.Go(func() error {
			for {
				first := int(next.Add(contactsAtOnce)) - contactsAtOnce
				if first >= storedContacts {
					return nil
				}
				var writes []bus.Write
				for n := first; n < first+contactsAtOnce; n++ {
					c := someone(n)
					raw, err := proto.Marshal(&contactv1.Record{Contact: c})
					if err != nil {
						return err
					}
					writes = append(writes, bus.Write{Key: subject.ContactKey(c.GetId()), Value: raw, Revision: bus.AnyRevision})
				}
				err := bucket.Write(ctx, writes...)
				for tries := 0; fault.Retryable(err) && tries < patience; tries++ {
					err = bucket.Write(ctx, writes...) // they are written over, so again is as once
				}
				if err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}
