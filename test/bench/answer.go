package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answers is what Meta's stand-in was sent.
type answers struct {
	Taken    int     `json:"taken"`
	Disorder int     `json:"disorder"` // texts that came before one with a lower number
	Rate     float64 `json:"rate"`     // a second, between the first tenth and the last
}

// answerer takes messages, each after the same time, and looks at their order.
type answerer struct {
	after time.Duration

	mu       sync.Mutex
	at       []time.Time
	next     map[string]int // number of the text that comes next, by customer
	disorder int
}

// ServeAnswers stands in for Meta's Send API: it takes everything, after a while,
// and nothing is as quick.
func ServeAnswers(l net.Listener, after string) error {
	d, err := time.ParseDuration(after)
	if err != nil {
		return err
	}
	a := &answerer{after: d, next: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{version}/{page}/messages", a.take)
	mux.HandleFunc("GET /{version}/{page}/conversations", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[]}`) // what it took it does not show: a text in doubt stays so
	})
	mux.HandleFunc("/answers", a.tell)
	return http.Serve(l, mux)
}

func (a *answerer) take(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Recipient struct{ ID string }
		Message   struct{ Text string }
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	number, _, _ := strings.Cut(m.Message.Text, ".")
	n, wrong := strconv.Atoi(number)
	if err != nil || wrong != nil {
		http.Error(w, "no text", http.StatusBadRequest)
		return
	}
	a.note(m.Recipient.ID, n)
	if a.after > 0 {
		time.Sleep(a.after)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"recipient_id":%q,"message_id":"m_%s_%d"}`, m.Recipient.ID, m.Recipient.ID, n)
}

func (a *answerer) note(customer string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if due, known := a.next[customer]; known && n != due {
		a.disorder++
	}
	a.next[customer] = n + 1
	a.at = append(a.at, time.Now())
}

// tell says what was sent; DELETE forgets it, and not where each customer is.
func (a *answerer) tell(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method == http.MethodDelete {
		a.at, a.disorder = nil, 0
	}
	said := answers{Taken: len(a.at), Disorder: a.disorder}
	if tenth := len(a.at) / 10; tenth > 0 {
		from, to := tenth, len(a.at)-tenth-1
		said.Rate = float64(to-from) / a.at[to].Sub(a.at[from]).Seconds()
	}
	_ = json.NewEncoder(w).Encode(said)
}

// Loop is the baseline of sends: so many POSTs as outbound makes them, by so many
// callers, with nothing stored and nothing decided.
func Loop(addr, callers, posts string) error {
	many, err := strconv.Atoi(callers)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(posts)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: many}}
	var next, failed atomic.Int64
	var all sync.WaitGroup
	for c := range many {
		all.Go(func() {
			customer := "loop-" + strconv.Itoa(c)
			for number := 0; next.Add(1) <= int64(n); number++ {
				if posted(client, addr, customer, number) != nil {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		return fmt.Errorf("%d of %d POSTs failed", failed.Load(), n)
	}
	return nil
}

func posted(client *http.Client, addr, customer string, number int) error {
	body, err := json.Marshal(map[string]any{"recipient": map[string]string{"id": customer}, "messaging_type": "RESPONSE",
		"message": map[string]string{"text": text(number), "metadata": "p1:0192f0c2-0000-7000-0000-000000000000:0:1:0123456789abcdef"}})
	if err != nil {
		return err
	}
	resp, err := client.Post("http://"+addr+"/v26.0/7000000/messages", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err = io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %d", resp.StatusCode)
	}
	return err
}
