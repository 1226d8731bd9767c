-- What the book says about itself: the generation in force, and how often a
-- presence has changed.
return {epoch or '0', redis.call('HGET', KEYS[1], 'pv') or '0'}
