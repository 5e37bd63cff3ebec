package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Configuration checks the configuration file: err is what reading it ended with, and c what
// was read, if anything.
func Configuration(c *config.Config, err error) Check {
	check := Check{Name: "configuration", Title: "Configuration"}
	check.Run = func(context.Context) []Finding {
		switch {
		case err != nil:
			return check.broken(err)
		case !c.Found:
			return check.good("no file at " + c.Path + ": the environment and the defaults apply")
		}
		readable, writers := c.Exposure()
		keys := c.KeysInFile()
		clear := ""
		if len(keys) > 0 {
			clear = " holds keys in the clear (" + strings.Join(keys, ", ") + ")"
		}
		switch {
		case len(keys) > 0 && readable:
			return check.warning(c.Path+clear+" and can be read by others", RemedyChmod, c.Path)
		case writers != "":
			return check.warning(c.Path+" "+writers, RemedyChmod, c.Path)
		case len(keys) > 0:
			return check.warning(c.Path+clear, RemedyStoreKeys, c.Path)
		}
		return check.good(c.Path)
	}
	return check
}

// Environment checks the variables: those of the program's own name space that it does not
// know, and those that do not count.
func Environment(warnings []string, agent string) Check {
	check := Check{Name: "environment", Title: "Environment"}
	check.Run = func(context.Context) []Finding {
		if len(warnings) > 0 {
			return check.warning(strings.Join(warnings, "; "), RemedyEnvironment, "")
		}
		if agent != "" {
			return check.good("no unknown variable; " + agent + " says that an agent runs this")
		}
		return check.good("no unknown variable")
	}
	return check
}

// Profile checks the profile in force; err is that of resolving it.
func Profile(c *config.Config, p config.Profile, err error) Check {
	check := Check{Name: "profile", Title: "Profile"}
	check.Run = func(context.Context) []Finding {
		if c == nil {
			return check.unknown("not checked: the configuration cannot be read")
		}
		if err == nil {
			err = p.NeedInstance()
		}
		chosen := " (chosen by " + c.ChosenSource() + ")"
		switch c.ChosenSource() {
		case config.SourceFile:
			chosen = " (the file's current_profile)"
		case config.SourceDefault:
			chosen = " (none is chosen)"
		}
		switch {
		case failure.HasReason(err, config.ReasonNoInstance):
			return []Finding{{Check: check.Name, Title: check.Title, State: Broken, Remedy: RemedyAddProfile,
				Detail: failure.From(err).Error(), Err: failure.From(err)}}
		case err != nil:
			return check.broken(err)
		case p.Sandbox:
			return check.good(p.Name + chosen + ": the local sandbox")
		}
		text := p.Name + chosen + ", instance " + p.InstanceID
		if p.Protected {
			text += ", protected"
		}
		return check.good(text)
	}
	return check
}

// Settings says where each value comes from, and checks the base URLs.
func Settings(c *config.Config, p config.Profile, insecureHTTP bool) Check {
	check := Check{Name: "settings", Title: "Settings"}
	check.Run = func(context.Context) []Finding {
		if p.Sandbox {
			return check.good("built in")
		}
		for _, u := range []string{p.UserURL, p.AccountsURL, p.PortalURL, p.StatisticsURL, p.DeviceStatusURL} {
			if u == "" {
				continue
			}
			if _, err := userservice.CheckURL(u, insecureHTTP); err != nil {
				return check.broken(err)
			}
		}
		if p.RegisterMultiplePath != "" {
			if err := userservice.CheckPath(p.RegisterMultiplePath); err != nil {
				return check.broken(err)
			}
		}
		return check.good(sources(c, p))
	}
	return check
}

// sources lists the settings by where they come from, defaults last and only counted.
func sources(c *config.Config, p config.Profile) string {
	from := map[string][]string{}
	defaults := 0
	for _, s := range config.Settings {
		if s.Key == "" || s.Top {
			continue
		}
		switch source := p.Sources[s.Key]; source {
		case "", config.SourceDefault:
			defaults++
		case config.SourceFile, config.SourceStore, config.SourceCommand:
			from[source] = append(from[source], s.Key)
		default:
			from["environment"] = append(from["environment"], s.Key+" ("+source+")")
		}
	}
	if c != nil && c.StateDirSource != config.SourceDefault {
		from["environment"] = append(from["environment"], "the state folder ("+c.StateDirSource+")")
	}
	var parts []string
	for source, keys := range from {
		parts = append(parts, source+": "+strings.Join(keys, ", "))
	}
	slices.Sort(parts)
	return strings.Join(append(parts, fmt.Sprintf("default: %d others", defaults)), "; ")
}

// StateFolder checks that this user can write the state folder, and that no other user can.
func StateFolder(dir string) Check {
	check := Check{Name: "state-folder", Title: "State folder"}
	check.Run = func(context.Context) []Finding {
		if dir == "" {
			return check.unknown("not checked: without a home folder there is none")
		}
		folder := existing(dir)
		name := filepath.Join(folder, ".telematicsctl-doctor")
		if err := atomicfile.WriteFile(name, []byte("written by doctor\n"), 0o600); err != nil {
			return check.broken(atomicfile.Failure(failure.Failed, "cannot write to "+folder, name, err))
		}
		if err := os.Remove(name); err != nil {
			return check.broken(atomicfile.Failure(failure.Failed, "cannot remove a file in "+folder, name, err))
		}
		if folder != dir {
			return check.good(dir + " will be created")
		}
		if info, err := os.Stat(dir); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
			return check.warning(dir+" can be written by others", RemedyChmod, dir)
		}
		return check.good(dir)
	}
	return check
}

// existing returns the folder, or the nearest one above it that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// Room for a job over 200,000 users, and for a token file and a journal at all.
const (
	fewBytes    = 500 << 20
	tooFewBytes = 20 << 20
)

// Disk checks how much room is left for the state folder.
func Disk(dir string) Check { return diskWith(dir, freeBytes) }

func diskWith(dir string, free func(string) (uint64, error)) Check {
	check := Check{Name: "disk", Title: "Disk"}
	check.Run = func(context.Context) []Finding {
		if dir == "" {
			return check.unknown("not checked: no state folder is known")
		}
		n, err := free(existing(dir))
		if err != nil {
			return check.unknown("the system does not say how much room is left")
		}
		text := bytesText(n) + " free for " + dir
		switch {
		case n < tooFewBytes:
			found := check.broken(failure.New(failure.Failed, "only "+text).Because(atomicfile.ReasonNoSpace,
				filepath.Join(dir, "jobs")))
			return found
		case n < fewBytes:
			return check.warning("only "+text, RemedyMakeRoom, dir)
		}
		return check.good(text)
	}
	return check
}

func bytesText(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
