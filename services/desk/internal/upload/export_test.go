package upload

import "context"

// Sweep removes what has lapsed, as a process does every minute.
func (s *Store) Sweep(ctx context.Context) error {
	for _, u := range s.lapsed() {
		if err := s.remove(ctx, u); err != nil {
			return err
		}
	}
	return nil
}
