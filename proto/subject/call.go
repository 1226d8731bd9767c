package subject

// MostAsked is how many agents, threads or queues one call of distribution tells
// about; who wants more asks several times.
const MostAsked = 1000
