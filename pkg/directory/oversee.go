package directory

import "slices"

// Oversees tells whether an agent, as a supervisor, looks after what is in a queue: of
// one that names supervisors they and those among its agents do, of every other, and
// of what is in none yet, all supervisors (L109, L125).
func (s *Snapshot) Oversees(agent, queue string) bool {
	q := s.Queues[queue]
	return len(q.GetSupervisors()) == 0 || slices.Contains(q.GetSupervisors(), agent) || slices.Contains(q.GetAgents(), agent)
}

// Served are the queues that an agent serves, by id.
func (s *Snapshot) Served(agent string) (ids []string) {
	for id, q := range s.Queues {
		if slices.Contains(q.GetAgents(), agent) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
