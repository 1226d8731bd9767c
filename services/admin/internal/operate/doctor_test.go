package operate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/keyspace"
)

// What doctor says of Redis (SS2): whether it answers, and beside that, each by
// itself, that the way there is in the clear and that its user may do everything.
func TestDoctorTellsHowThisProcessStandsInRedis(t *testing.T) {
	for name, c := range map[string]struct {
		stands keyspace.Standing
		err    error
		want   map[string]bus.Level
	}{
		"as it should":           {want: map[string]bus.Level{"redis.reachable": bus.Fine}},
		"in the clear":           {stands: keyspace.Standing{Clear: "redis-7"}, want: map[string]bus.Level{"redis.reachable": bus.Fine, "redis.way": bus.Warning}},
		"as one who may do all":  {stands: keyspace.Standing{Unbounded: true}, want: map[string]bus.Level{"redis.reachable": bus.Fine, "redis.user": bus.Warning}},
		"both":                   {stands: keyspace.Standing{Clear: "redis-7", Unbounded: true}, want: map[string]bus.Level{"redis.reachable": bus.Fine, "redis.way": bus.Warning, "redis.user": bus.Warning}},
		"when it does not reply": {stands: keyspace.Standing{Clear: "redis-7", Unbounded: true}, err: errors.New("refused"), want: map[string]bus.Level{"redis.reachable": bus.Failed}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Service{Redis: func(ctx context.Context) (keyspace.Standing, error) {
				if _, ends := ctx.Deadline(); !ends {
					t.Error("it would wait for Redis for ever")
				}
				return c.stands, c.err
			}}
			said := s.redis(t.Context())
			if len(said) != len(c.want) {
				t.Errorf("it says %+v", said)
			}
			for _, check := range said {
				if want, asked := c.want[check.Name]; !asked || check.Level != want {
					t.Errorf("%s is %v", check.Name, check.Level)
				}
				if (check.Level == bus.Fine) != (check.Remedy == "") {
					t.Errorf("%s is %v, and its remedy %q", check.Name, check.Level, check.Remedy)
				}
				if check.Name == "redis.way" && (!strings.Contains(check.Detail, "redis-7") || !slices.Equal(check.Values, []string{"redis-7"})) {
					t.Errorf("it does not name the host: %+v", check)
				}
			}
		})
	}
}
