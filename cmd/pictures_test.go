package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/picture"
)

// pictured are the terminals that the documents show: files, commands that are run unseen, and
// commands whose lines and colored output make up docs/pictures/NAME.svg.
var pictured = []struct {
	name, title string
	files       map[string]string
	before      []string
	shown       []string
}{
	{
		name: "bulk", title: "register the users of a spreadsheet",
		files: map[string]string{"drivers.csv": "First name;E-mail;Client ID;Tracking\n" +
			"Ada;ada@example.com;c-1001;on\nGrace;grace@example,com;c-1002;off\nEdsger;edsger@example.com;c-1003;yes\n"},
		shown: []string{
			"telematicsctl user bulk --file drivers.csv",
			"sed -i.bak s/example,com/example.com/ drivers.csv",
			"telematicsctl user bulk --file drivers.csv",
		},
	},
	{
		name: "explain", title: "why does this phone not record?",
		files: map[string]string{"ada.jsonl": adaWithPhone},
		before: []string{
			"telematicsctl sandbox serve --import ada.jsonl --addr 127.0.0.1:0 -o json >ready & " +
				"until test -s ready; do :; done; kill $!; wait",
		},
		shown: []string{"telematicsctl user explain client:c-2001"},
	},
	{
		name: "plan", title: "what would the file change?",
		files: map[string]string{
			"drivers.csv": "ClientId,FirstName,City,Tracking\nc-1,Ada,Berlin,on\nc-2,Grace,Hamburg,on\nc-3,Edsger,Bremen,on\n" +
				"c-4,Alan,Bonn,on\n",
			"hr.csv": "ClientId,FirstName,City,Tracking\nc-1,Ada,Berlin,on\nc-2,Grace,Kiel,off\nc-4,Alan,Bonn,on\n" +
				"c-5,Barbara,Bonn,on\n",
		},
		before: []string{"telematicsctl user apply --file drivers.csv --yes && cp hr.csv drivers.csv"},
		shown:  []string{"telematicsctl user plan --file drivers.csv --absent deactivate"},
	},
}

// adaWithPhone is a user whose phone was heard of an hour ago, and lost a permission on Monday.
// "6h ago" and the like stand for moments.
const adaWithPhone = `{"DeviceToken":"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70","DateCreated":"2160h ago",` +
	`"Status":"Active",` +
	`"ActivityStatus":"Active","MobileDevice":{"OsType":"iOS","OsVersion":"18.6","SdkVersion":"7.0.4",` +
	`"AppVersion":"2.7"},` +
	`"UserProfile":{"FirstName":"Ada","LastName":"Lovelace"},"UserFields":{"ClientId":"c-2001","EnableTracking":true,` +
	`"EnableLogging":true,"EnableRealTimeLocation":false,"Enabled":true},"DeviceStatus":{"HeartbeatDate":"1h ago",` +
	`"WiFiEnabled":"true","MobileDataEnabled":"true","GPSEnabled":"true","GPSPermissionGranted":"false",` +
	`"MotionPermissionGranted":"true","LowPowerMode":"false","LowPreciseLocation":"false","Rooted":"false",` +
	`"JailBreak":"false"},"Statistics":{"LatestTripDate":"96h ago","LatestScoringDate":"95h ago",` +
	`"PermissionsLevel":"60"}}` + "\n"

var ago = regexp.MustCompile(`"(\d+h) ago"`)

// moments writes the moments that a file names, counted back from now.
func moments(text string, now time.Time) string {
	return ago.ReplaceAllStringFunc(text, func(s string) string {
		back, _ := time.ParseDuration(ago.FindStringSubmatch(s)[1])
		return `"` + now.Add(-back).Format("2006-01-02T15:04:05") + `"`
	})
}

var (
	overwritten = regexp.MustCompile(`(?m)^.*\r(\x1b\[K)?`)
	minutes     = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)
	jobs        = regexp.MustCompile(`\bJob [0-9a-f]{12}\b`)
	row         = regexp.MustCompile(`^\d+ `)
	took        = regexp.MustCompile(`\b\d+(\.\d+)?m?s\b`)
)

// steady gives what a terminal showed the moments of a certain day, one duration and job, and the
// rows of a table in their order.
func steady(screen string, now time.Time) string {
	screen = overwritten.ReplaceAllString(screen, "")
	screen = minutes.ReplaceAllStringFunc(screen, func(s string) string {
		const layout = "2006-01-02 15:04 UTC"
		at, _ := time.Parse(layout, s)
		return at.Add(time.Date(2026, 12, 3, 14, 30, 0, 0, time.UTC).Sub(now)).Format(layout)
	})
	screen = jobs.ReplaceAllString(screen, "Job e3417e0548a7")
	lines := strings.SplitAfter(took.ReplaceAllString(screen, "38ms"), "\n")
	if first := slices.IndexFunc(lines, row.MatchString); first >= 0 {
		rows := lines[first:]
		if end := slices.IndexFunc(rows, func(l string) bool { return !row.MatchString(l) }); end >= 0 {
			rows = rows[:end]
		}
		slices.Sort(rows)
	}
	return strings.Join(lines, "")
}

// The terminals that documents show as pictures are drawn from what the program prints in one
// (go test ./cmd -run Pictures -update draws them again). What differs from run to run is steady.
func TestPicturesOfTerminals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are typed into a Unix shell")
	}
	t.Parallel()
	for _, p := range pictured {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			now := time.Now().UTC().Truncate(time.Minute)
			h := newHome(t)
			h.env = append(slices.DeleteFunc(h.env, func(v string) bool {
				return strings.HasPrefix(v, "NO_COLOR=") || strings.HasPrefix(v, "TERM=")
			}), "TERM=xterm-256color")
			for name, text := range p.files {
				if err := os.WriteFile(filepath.Join(h.dir, name), []byte(moments(text, now)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, line := range p.before {
				if out, code := h.typeIn(t, line); code != 0 {
					t.Fatalf("$ %s\n%s", line, out)
				}
			}
			var text strings.Builder
			for _, line := range p.shown {
				out, _ := h.typeIn(t, line)
				text.WriteString("\x1b[32m$\x1b[0m \x1b[1m" + line + "\x1b[0m\n" + steady(out, now))
			}
			drawn(t, p.name, picture.SVG(p.title, text.String(), 90))
		})
	}
}

// drawn compares a picture with the one of the documents, or writes it.
func drawn(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("..", "docs", "pictures", name+".svg")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s.svg is stale; draw it with:\n\tgo test ./cmd -run Pictures -update\ngot:\n%s", name, got)
	}
}
