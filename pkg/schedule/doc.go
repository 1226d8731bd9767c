// Package schedule tells when operating hours are open (L42, L112): now, and
// when that changes next. It decides from a schedule and a moment alone.
//
// Times of a schedule are what a clock on a wall of its zone shows, and most
// days show each minute once. For the two others a year there is one rule: an
// interval is open from the first moment at which the clock shows one of its
// minutes to the end of the last one.
//
//   - When the clock is put forward, 03:00 to 04:00 is not shown. An interval
//     that begins or ends at 03:30 does so at the first moment after the gap,
//     04:00; one that lies in the gap is not open that day. A date that a zone
//     left out has no hours at all.
//   - When the clock is put back, 03:00 to 04:00 is shown twice. What begins at
//     03:30 begins when it is 03:30 for the first time, what ends at 03:30 ends
//     when it is 03:30 for the second time, and what has all of the hour is open
//     for both. What ends at 03:00 has none of that hour and ends when it is
//     03:00 first.
//
// So the hours of a day may be longer or shorter by what the clock was moved,
// but are never cut in two by it.
package schedule
