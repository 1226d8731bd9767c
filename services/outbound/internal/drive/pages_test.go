package drive_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/services/outbound/internal/drive"
)

// However many processes there are, and whether they come or go, a page is not
// used faster than Meta allows: 300 sends and 1 read a second.
func TestProcessesShareTheRatesOfAPage(t *testing.T) {
	for _, c := range []struct {
		name          string
		members, then int
		sends, reads  int // of all of them, in 20 seconds, within a burst
	}{
		{"one", 1, 1, 6000, 20},
		{"four", 4, 4, 6000, 20},
		{"more than reads a second", 5, 5, 6000, 20},
		{"two of four went away", 4, 2, 6000, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box, members := keys(t), c.members
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var processes []*drive.Pages
				for range members {
					p, _ := pages(ctx, connected(t, box), box, &shelf{entries: map[string]bus.Entry{}}, func() int { return members })
					processes = append(processes, p)
				}
				count := func(turn func(p *drive.Pages) error) (n int) {
					for end := time.Now().Add(10 * time.Second); time.Now().Before(end); n++ {
						if err := turn(processes[n%members]); err != nil {
							t.Fatal(err)
						}
					}
					return n
				}
				send := func(p *drive.Pages) error { return p.Turn(t.Context(), customer.Page) }
				read := func(p *drive.Pages) error { return p.ReadTurn(t.Context(), customer.Page) }
				sends, reads := count(send), count(read)
				members = c.then
				sends, reads = sends+count(send), reads+count(read)
				if sends > c.sends+300+c.members || sends < c.sends*9/10 {
					t.Errorf("%d sends, want about %d", sends, c.sends)
				}
				// Each member has a burst, and its last read may end behind time.
				if reads > c.reads+2*c.members+1 || reads < c.reads*8/10 {
					t.Errorf("%d reads, want about %d", reads, c.reads)
				}
			})
		})
	}
}
