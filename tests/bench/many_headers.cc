// Compiled by cc1plus in `make bench`: a heap with many different call stacks. It includes what a
// big C++ program includes and makes the compiler instantiate and optimise some of it.
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace
{

using Value = std::variant<long, double, std::string, std::vector<std::string>>;
using Record = std::map<std::string, Value>;

struct Describe {
    std::string operator()(long value) const { return std::to_string(value); }
    std::string operator()(double value) const { return std::to_string(value); }
    std::string operator()(const std::string &value) const { return value; }
    std::string operator()(const std::vector<std::string> &values) const
    {
        return std::accumulate(values.begin(), values.end(), std::string());
    }
};

template <std::size_t... Numbers> auto squares(std::index_sequence<Numbers...>)
{
    return std::make_tuple((Numbers * Numbers)...);
}

std::optional<Record> parse(const std::string &line)
{
    std::istringstream fields(line);
    Record record;

    for (std::string field; std::getline(fields, field, ';');) {
        auto equals = field.find('=');

        if (equals != std::string::npos)
            record[field.substr(0, equals)] = std::stol(field.substr(equals + 1));
    }
    if (record.empty())
        return std::nullopt;
    return record;
}

std::unordered_map<std::string, std::shared_ptr<Record>> index(std::vector<Record> records)
{
    std::unordered_map<std::string, std::shared_ptr<Record>> found;

    std::sort(records.begin(), records.end(),
              [](const Record &a, const Record &b) { return a.size() < b.size(); });
    for (auto &record : records)
        found.emplace(std::visit(Describe(), record["id"]), std::make_shared<Record>(record));
    return found;
}

} // namespace

int main()
{
    std::mt19937 random(1);
    std::deque<std::function<std::size_t()>> jobs;
    std::set<std::string> seen;
    std::size_t sum = 0;

    for (int i = 0; i < 10; i++) {
        std::ostringstream line;
        line << "id=" << random() << ";turn=" << i;
        jobs.push_back([text = line.str()] {
            auto record = parse(text);
            return record ? index({*record}).size() : std::size_t{0};
        });
        seen.insert(line.str());
    }
    for (auto &job : jobs)
        sum += job();
    return std::get<3>(squares(std::make_index_sequence<16>())) == 9 && sum == seen.size() ? 0 : 1;
}
