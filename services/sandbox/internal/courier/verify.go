package courier

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"time"
)

// verifyWithin is how long a callback may take to answer.
const verifyWithin = 5 * time.Second

// Verify asks a callback to prove that it knows the verify token, as Meta does
// when a webhook is set up: the answer must be 200 with the bare challenge.
func Verify(ctx context.Context, callback, token string) error {
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<31))
	if err != nil {
		return fmt.Errorf("make challenge: %w", err)
	}
	query := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {n.String()}, "hub.verify_token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, callback+"?"+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("make verification: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("verify callback: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err != nil {
		return fmt.Errorf("read challenge back: %w", err)
	}
	if resp.StatusCode != http.StatusOK || string(body) != n.String() {
		return fmt.Errorf("callback answered %d, not the challenge", resp.StatusCode)
	}
	return nil
}
