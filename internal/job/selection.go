package job

// Selection says which rows of its input a job is about: those that match, of
// these the ones after Offset and at most Limit of them, of these the ones of
// the shard. The zero value is every row.
type Selection struct {
	Match         string // Column=regular expression; "" matches every row
	Offset, Limit int    // Limit 0 is none
	Shard, Shards int    // 3 of 16; 0 of 0 for all rows
}
