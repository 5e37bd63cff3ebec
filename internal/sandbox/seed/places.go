package seed

import "strings"

// country is where users of a fleet live.
type country struct {
	name   string
	mobile string // its mobile numbers in E.164: # is any digit, N one from 2 to 9, A the area code of the place
	places []place
}

// place is a city in its district, with the area code where mobile numbers have one.
type place struct{ district, city, area string }

// countries are where a fleet lives, each with its part of it. The numbering plans are
// those that the countries publish.
var countries = []share[country]{
	{0.4, country{"United States of America", "+1ANN#####", []place{
		{"Massachusetts", "Boston", "617"}, {"Massachusetts", "Worcester", "508"},
		{"New York", "New York City", "212"}, {"New York", "Buffalo", "716"},
		{"New York", "Rochester", "585"}, {"California", "Los Angeles", "213"},
		{"California", "San Diego", "619"}, {"California", "San Jose", "408"},
		{"California", "Sacramento", "916"}, {"Texas", "Houston", "713"}, {"Texas", "Dallas", "214"},
		{"Texas", "Austin", "512"}, {"Texas", "El Paso", "915"},
		{"Florida", "Miami", "305"}, {"Florida", "Tampa", "813"}, {"Florida", "Orlando", "407"},
		{"Illinois", "Chicago", "312"}, {"Illinois", "Springfield", "217"},
		{"Ohio", "Columbus", "614"}, {"Ohio", "Cleveland", "216"}, {"Georgia", "Atlanta", "404"},
		{"Georgia", "Savannah", "912"}, {"Washington", "Seattle", "206"},
		{"Washington", "Spokane", "509"}, {"Colorado", "Denver", "303"}, {"Colorado", "Boulder", "720"},
		{"Arizona", "Phoenix", "602"}, {"Arizona", "Tucson", "520"},
		{"Michigan", "Detroit", "313"}, {"Michigan", "Grand Rapids", "616"}, {"Minnesota", "Minneapolis", "612"},
		{"Minnesota", "Duluth", "218"},
	}}},
	{0.1, country{"Canada", "+1ANN#####", []place{
		{"Ontario", "Toronto", "416"}, {"Ontario", "Ottawa", "613"}, {"Ontario", "Hamilton", "905"},
		{"Québec", "Montréal", "514"}, {"Québec", "Gatineau", "819"},
		{"British Columbia", "Vancouver", "604"}, {"British Columbia", "Victoria", "250"},
		{"Alberta", "Calgary", "403"}, {"Alberta", "Edmonton", "780"},
		{"Manitoba", "Winnipeg", "204"}, {"Nova Scotia", "Halifax", "902"},
	}}},
	{0.1, country{"Germany", "+49151########", []place{
		{"Bayern", "München", ""}, {"Bayern", "Nürnberg", ""}, {"Bayern", "Augsburg", ""},
		{"Nordrhein-Westfalen", "Köln", ""}, {"Nordrhein-Westfalen", "Bonn", ""},
		{"Nordrhein-Westfalen", "Dortmund", ""}, {"Hessen", "Frankfurt am Main", ""}, {"Hessen", "Kassel", ""},
		{"Sachsen", "Leipzig", ""}, {"Sachsen", "Dresden", ""},
		{"Niedersachsen", "Hannover", ""}, {"Baden-Württemberg", "Stuttgart", ""}, {"Baden-Württemberg", "Freiburg", ""},
	}}},
	{0.08, country{"Brazil", "+55A9########", []place{
		{"São Paulo", "Campinas", "19"}, {"São Paulo", "Santos", "13"}, {"São Paulo", "Guarulhos", "11"},
		{"Rio de Janeiro", "Niterói", "21"},
		{"Rio de Janeiro", "Petrópolis", "24"}, {"Minas Gerais", "Belo Horizonte", "31"},
		{"Minas Gerais", "Uberlândia", "34"}, {"Bahia", "Salvador", "71"},
		{"Paraná", "Curitiba", "41"}, {"Ceará", "Fortaleza", "85"},
	}}},
	{0.07, country{"India", "+919#########", []place{
		{"Maharashtra", "Mumbai", ""}, {"Maharashtra", "Pune", ""}, {"Maharashtra", "Nagpur", ""},
		{"Karnataka", "Bengaluru", ""}, {"Karnataka", "Mysuru", ""},
		{"Tamil Nadu", "Chennai", ""}, {"Tamil Nadu", "Coimbatore", ""}, {"Gujarat", "Ahmedabad", ""},
		{"Gujarat", "Surat", ""}, {"West Bengal", "Kolkata", ""},
	}}},
	{0.06, country{"United Kingdom", "+4474########", []place{
		{"Greater London", "London", ""}, {"West Midlands", "Birmingham", ""}, {"West Midlands", "Coventry", ""},
		{"Greater Manchester", "Manchester", ""},
		{"Greater Manchester", "Bolton", ""}, {"Merseyside", "Liverpool", ""}, {"West Yorkshire", "Leeds", ""},
		{"West Yorkshire", "Bradford", ""},
	}}},
	{0.04, country{"France", "+336########", []place{
		{"Île-de-France", "Paris", ""}, {"Île-de-France", "Versailles", ""}, {"Auvergne-Rhône-Alpes", "Lyon", ""},
		{"Auvergne-Rhône-Alpes", "Grenoble", ""},
		{"Occitanie", "Toulouse", ""}, {"Occitanie", "Montpellier", ""}, {"Bretagne", "Rennes", ""},
	}}},
	{0.03, country{"Spain", "+346########", []place{
		{"Comunidad de Madrid", "Madrid", ""}, {"Cataluña", "Barcelona", ""}, {"Cataluña", "Girona", ""},
		{"Andalucía", "Sevilla", ""}, {"Andalucía", "Málaga", ""},
	}}},
	{0.03, country{"Italy", "+39347#######", []place{
		{"Lombardia", "Milano", ""}, {"Lombardia", "Bergamo", ""}, {"Lazio", "Roma", ""},
		{"Campania", "Napoli", ""}, {"Piemonte", "Torino", ""},
	}}},
	{0.03, country{"Mexico", "+52ANNN#####", []place{
		{"Jalisco", "Guadalajara", "33"}, {"Jalisco", "Zapopan", "33"}, {"Nuevo León", "Monterrey", "81"},
		{"Ciudad de México", "Coyoacán", "55"},
	}}},
	{0.01, country{"Netherlands", "+3162#######", []place{
		{"Noord-Holland", "Amsterdam", ""}, {"Noord-Holland", "Haarlem", ""}, {"Zuid-Holland", "Rotterdam", ""},
		{"Utrecht", "Amersfoort", ""},
	}}},
	{0.01, country{"Poland", "+4850#######", []place{
		{"Mazowieckie", "Warszawa", ""}, {"Małopolskie", "Kraków", ""}, {"Pomorskie", "Gdańsk", ""},
		{"Dolnośląskie", "Wrocław", ""},
	}}},
	{0.01, country{"Japan", "+8190########", []place{
		{"Kanagawa", "Yokohama", ""}, {"Kanagawa", "Kawasaki", ""}, {"Osaka", "Sakai", ""},
		{"Aichi", "Nagoya", ""}, {"Hokkaido", "Sapporo", ""},
	}}},
	{0.01, country{"Australia", "+614########", []place{
		{"New South Wales", "Sydney", ""}, {"New South Wales", "Wollongong", ""}, {"Queensland", "Brisbane", ""},
		{"Queensland", "Cairns", ""},
	}}},
	{0.01, country{"South Africa", "+2782#######", []place{
		{"Gauteng", "Johannesburg", ""}, {"Gauteng", "Pretoria", ""}, {"Western Cape", "Cape Town", ""},
		{"KwaZulu-Natal", "Durban", ""},
	}}},
	{0.01, country{"Turkey", "+90532#######", []place{
		{"Bursa", "İnegöl", ""}, {"Kocaeli", "Gebze", ""}, {"İzmir", "Bornova", ""}, {"Antalya", "Alanya", ""},
	}}},
}

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
