// One level of Strassen's algorithm (https://doi.org/10.1007/BF02165411), as tables.
#ifndef MLC_DIALECTS_MLC_STRASSEN_H
#define MLC_DIALECTS_MLC_STRASSEN_H

namespace mlc::strassen {

inline constexpr int kProducts = 7;

// Quadrants are numbered 0 = 11, 1 = 12, 2 = 21, 3 = 22: the row is q / 2, the column q % 2.
struct Sum {
  int first, second; // second < 0: the first alone
  bool isDifference;
};
inline constexpr Sum kLhsSums[kProducts] = {{0, 3, false}, {3, -1, false}, {0, 1, false}, {1, 3, true},
                                            {2, 3, false}, {0, -1, false}, {2, 0, true}};
inline constexpr Sum kRhsSums[kProducts] = {{0, 3, false},  {2, 0, true}, {3, -1, false}, {2, 3, false},
                                            {0, -1, false}, {1, 3, true}, {0, 1, false}};

// What a product does to a quadrant of the result. In the order of the products the first to meet a quadrant sets it.
enum class Update { None, Set, Add, Subtract };
struct Target {
  int quadrant = -1;
  Update update = Update::None;
};
inline constexpr Target kTargets[kProducts][2] = {{{0, Update::Set}, {3, Update::Set}},
                                                  {{0, Update::Add}, {2, Update::Set}},
                                                  {{0, Update::Subtract}, {1, Update::Set}},
                                                  {{0, Update::Add}, {}},
                                                  {{2, Update::Add}, {3, Update::Subtract}},
                                                  {{1, Update::Add}, {3, Update::Add}},
                                                  {{3, Update::Add}, {}}};

} // namespace mlc::strassen

#endif // MLC_DIALECTS_MLC_STRASSEN_H
