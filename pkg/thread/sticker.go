package thread

// Thumb is the sticker that Meta takes of any page at any time, and ThumbShows what
// it shows, for people. All others are of a catalogue that is Meta's to change, and
// leave it (page "Sticker API").
const (
	Thumb      = "369239263222822"
	ThumbShows = "👍"
)
