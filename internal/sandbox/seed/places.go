package seed

import (
	"strconv"
	"strings"
	"sync"
)

// country is where users of a fleet live.
type country struct {
	name   string
	mobile string // its mobile numbers in E.164: # is any digit, N one from 2 to 9, A the area code of the place
	places []place
}

// place is a city in its district, with the area code where mobile numbers have one.
type place struct{ district, city, area string }

// atlas has each country's name, its part of a fleet, its mobile numbers, and its districts with
// their cities. The numbering plans are those that the countries publish.
const atlas = `United States of America | 0.4 | +1ANN##### |
	Massachusetts: Boston 617, Worcester 508; New York: New York City 212, Buffalo 716, Rochester 585; California:
	Los Angeles 213, San Diego 619, San Jose 408, Sacramento 916; Texas: Houston 713, Dallas 214, Austin 512, El
	Paso 915; Florida: Miami 305, Tampa 813, Orlando 407; Illinois: Chicago 312, Springfield 217; Ohio: Columbus
	614, Cleveland 216; Georgia: Atlanta 404, Savannah 912; Washington: Seattle 206, Spokane 509; Colorado: Denver
	303, Boulder 720; Arizona: Phoenix 602, Tucson 520; Michigan: Detroit 313, Grand Rapids 616; Minnesota:
	Minneapolis 612, Duluth 218.
Canada | 0.1 | +1ANN##### |
	Ontario: Toronto 416, Ottawa 613, Hamilton 905; Québec: Montréal 514, Gatineau 819; British Columbia: Vancouver
	604, Victoria 250; Alberta: Calgary 403, Edmonton 780; Manitoba: Winnipeg 204; Nova Scotia: Halifax 902.
Germany | 0.1 | +49151######## |
	Bayern: München, Nürnberg, Augsburg; Nordrhein-Westfalen: Köln, Bonn, Dortmund; Hessen: Frankfurt am Main,
	Kassel; Sachsen: Leipzig, Dresden; Niedersachsen: Hannover; Baden-Württemberg: Stuttgart, Freiburg.
Brazil | 0.08 | +55A9######## |
	São Paulo: Campinas 19, Santos 13, Guarulhos 11; Rio de Janeiro: Niterói 21, Petrópolis 24; Minas Gerais: Belo
	Horizonte 31, Uberlândia 34; Bahia: Salvador 71; Paraná: Curitiba 41; Ceará: Fortaleza 85.
India | 0.07 | +919######### |
	Maharashtra: Mumbai, Pune, Nagpur; Karnataka: Bengaluru, Mysuru; Tamil Nadu: Chennai, Coimbatore; Gujarat:
	Ahmedabad, Surat; West Bengal: Kolkata.
United Kingdom | 0.06 | +4474######## |
	Greater London: London; West Midlands: Birmingham, Coventry; Greater Manchester: Manchester, Bolton; Merseyside:
	Liverpool; West Yorkshire: Leeds, Bradford.
France | 0.04 | +336######## |
	Île-de-France: Paris, Versailles; Auvergne-Rhône-Alpes: Lyon, Grenoble; Occitanie: Toulouse, Montpellier;
	Bretagne: Rennes.
Spain | 0.03 | +346######## |
	Comunidad de Madrid: Madrid; Cataluña: Barcelona, Girona; Andalucía: Sevilla, Málaga.
Italy | 0.03 | +39347####### |
	Lombardia: Milano, Bergamo; Lazio: Roma; Campania: Napoli; Piemonte: Torino.
Mexico | 0.03 | +52ANNN##### |
	Jalisco: Guadalajara 33, Zapopan 33; Nuevo León: Monterrey 81; Ciudad de México: Coyoacán 55.
Netherlands | 0.01 | +3162####### |
	Noord-Holland: Amsterdam, Haarlem; Zuid-Holland: Rotterdam; Utrecht: Amersfoort.
Poland | 0.01 | +4850####### |
	Mazowieckie: Warszawa; Małopolskie: Kraków; Pomorskie: Gdańsk; Dolnośląskie: Wrocław.
Japan | 0.01 | +8190######## |
	Kanagawa: Yokohama, Kawasaki; Osaka: Sakai; Aichi: Nagoya; Hokkaido: Sapporo.
Australia | 0.01 | +614######## |
	New South Wales: Sydney, Wollongong; Queensland: Brisbane, Cairns.
South Africa | 0.01 | +2782####### |
	Gauteng: Johannesburg, Pretoria; Western Cape: Cape Town; KwaZulu-Natal: Durban.
Turkey | 0.01 | +90532####### |
	Bursa: İnegöl; Kocaeli: Gebze; İzmir: Bornova; Antalya: Alanya.
`

// countries are where a fleet lives, each with its part of it.
var countries = sync.OnceValue(func() (out []share[country]) {
	for entry := range strings.SplitSeq(strings.TrimSuffix(atlas, ".\n"), ".\n") {
		columns := strings.Split(strings.Join(strings.Fields(entry), " "), " | ")
		c := country{name: columns[0], mobile: columns[2]}
		for district := range strings.SplitSeq(columns[3], "; ") {
			name, cities, _ := strings.Cut(district, ": ")
			for city := range strings.SplitSeq(cities, ", ") {
				area := strings.TrimLeftFunc(city, func(r rune) bool { return r < '0' || r > '9' })
				c.places = append(c.places, place{name, strings.TrimSuffix(city, " "+area), area})
			}
		}
		part, _ := strconv.ParseFloat(columns[1], 64)
		out = append(out, share[country]{part, c})
	}
	return out
})

// phone returns a mobile number of the country and the place, its digits taken from a number.
func (c country) phone(at place, digits uint64) string {
	var b strings.Builder
	next := func(n uint64) byte {
		d := digits % n
		digits /= n
		return byte(d) //nolint:gosec // one digit
	}
	for _, r := range c.mobile {
		switch r {
		case '#':
			b.WriteByte('0' + next(10))
		case 'N':
			b.WriteByte('2' + next(8))
		case 'A':
			b.WriteString(at.area)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
